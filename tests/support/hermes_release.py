"""Code that looks like a release of Hermes: its version, and the marker of each behaviour that it has."""

from __future__ import annotations

from pathlib import Path

from hermes_profiles.hermes.behaviours import BEHAVIOURS


def write_release(folder: Path, version: tuple[int, int, int]) -> None:
    """Write a checkout of a release into a folder."""
    number = ".".join(map(str, version))
    files = {
        "pyproject.toml": f'[project]\nname = "hermes-agent"\nversion = "{number}"\n',
        "hermes_cli/__init__.py": "",
    }
    for fact in BEHAVIOURS:
        if fact.marker.path and fact.since <= version:
            files[fact.marker.path] = f"{files.get(fact.marker.path, '')}{fact.marker.text}\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
