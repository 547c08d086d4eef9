"""Write metrics to a file that node_exporter reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.model.errors import NotFound, Problem

from .collect import Sample
from .exposition import Hide, textfile

_SUFFIX = ".prom"
_FOR_ALL = 0o644  # node_exporter runs as a user of its own


def write_textfile(path: Path, samples: Sequence[Sample], hide: Hide) -> list[Problem]:
    """Write the metrics by one rename; returns a warning for a name that node_exporter does not read.

    Raises NotFound when the folder is missing, Failed when the file cannot be written.
    """
    if not path.absolute().parent.is_dir():
        raise NotFound(
            f"no folder {path.parent}",
            target=str(path),
            code="no-folder",
            hint=f"make the folder of the textfile collector with `mkdir -p {quote(str(path.parent))}`",
        )
    write_state_file(path.absolute(), textfile(samples, hide), mode=_FOR_ALL)
    if path.suffix == _SUFFIX:
        return []
    return [
        Problem(
            "textfile-name",
            f"{path.name} does not end in {_SUFFIX}: node_exporter does not read it",
            str(path),
            f"use `--textfile {path.with_suffix(_SUFFIX)}`",
        )
    ]
