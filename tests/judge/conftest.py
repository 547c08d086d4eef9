from __future__ import annotations

import sys
from pathlib import Path

# The helpers of the clone's, the services' and the command's tests serve here too.
sys.path[:0] = [str(Path(__file__).parent.parent / room) for room in ("profiles", "services", "cli")]
