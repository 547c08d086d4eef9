"""Record the golden screens from the data beside them: `python tests/unit/cli/screens/record.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[4]), str(Path(__file__).parents[3] / "support")]

from main_view import VIEWS, WIDTHS, golden, screen_text  # noqa: E402

for name in VIEWS:
    for width in WIDTHS:
        golden(name, width).write_text(screen_text(name, width), "utf-8")
