"""The files of an installation by git of a release that does not exist yet."""

from __future__ import annotations

from pathlib import Path

from hermes_profiles.hermes.behaviours import BEHAVIOURS

NEWER = "0.99.0"


def write_newer_hermes(root: Path, *, markers: bool = True, version: str = NEWER) -> Path:
    """Write the checkout of a newer release into a root, and return its launcher.

    Without `markers` its code shows none of the behaviours that we know: its layout is unknown.
    """
    code = root / "hermes-agent"
    files = {
        "pyproject.toml": f'[project]\nname = "hermes-agent"\nversion = "{version}"\n',
        "hermes_cli/__init__.py": "",
    }
    for fact in BEHAVIOURS:
        if markers and fact.marker.path:
            files[fact.marker.path] = files.get(fact.marker.path, "") + f"{fact.marker.text}\n"
    for path, text in files.items():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        (code / path).write_text(text)
    python = root / "tools" / "python-3.16" / "bin" / "python3"
    launcher = code / ".hermes" / "bin" / "hermes"
    for path, text in ((python, "#!/bin/sh\nexit 3\n"), (launcher, f"#!/bin/sh\nexec {python} -I -c 'x' \"$@\"\n")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)
    return launcher
