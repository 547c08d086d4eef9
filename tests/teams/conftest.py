"""Worlds of other rooms: a lead is a source of clones, and its teams are made by changes and commands."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent / room) for room in ("profiles", "cli", "changes")]
