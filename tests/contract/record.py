"""Records the scenarios again: `python tests/contract/record.py --code CHECKOUT [--python PY] [--into FOLDER] [ROOT…]`.

CHECKOUT is the folder that contains the package. Without ROOT, all roots are recorded.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from recorder import play, store
from scenarios import ROOTS


def main() -> None:
    """Record the roots of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("roots", nargs="*", metavar="ROOT")
    parser.add_argument("--code", required=True, help="the checkout that contains the package")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs it")
    parser.add_argument("--into", default=Path(__file__).parent / "recorded", type=Path)
    options = parser.parse_args()
    for root in ROOTS:
        if options.roots and root.name not in options.roots:
            continue
        with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
            records = play(root, Path(folder), python=options.python, code=str(Path(options.code).resolve()))
        text = store(records)
        (options.into / f"{root.name}.json").write_text(text)
        commands = sum("exit" in record for record in records)
        print(f"{root.name}: {commands} commands, {len(text)} bytes")


if __name__ == "__main__":
    main()
