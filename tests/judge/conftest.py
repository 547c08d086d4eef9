from __future__ import annotations

import sys
from pathlib import Path

# The helpers of the clone's and the services' tests serve here too.
sys.path[:0] = [str(Path(__file__).parent.parent / "profiles"), str(Path(__file__).parent.parent / "services")]
