"""Write the completion scripts of this folder: `python completions/generate.py`.

They are made from the command tree (hermes_profiles/cli/completion/command_tree.py). A test fails when they are out
of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))
from hermes_profiles.cli.completion import program_trees, scripts  # noqa: E402


def files() -> dict[str, str]:
    """Return the text of every file."""
    return {
        file.format(program.program): scripts.script(shell, program)
        for program in program_trees.programs()
        for shell, file in scripts.FILES.items()
    }


def main() -> None:
    """Write them all."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
