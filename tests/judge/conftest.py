from __future__ import annotations

import sys
from pathlib import Path

# The helpers of the clone's tests serve here too.
sys.path.insert(0, str(Path(__file__).parent.parent / "profiles"))
