"""Steps that write and remove the marker of a deleted profile (Hermes 0.21 and later, hermes_constants.py)."""

from __future__ import annotations

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import DELETED_CONTENT
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret

from .plan import ReplaceFile
from .signature import signature


def clear_marker(layout: Layout, name: str) -> tuple[ReplaceFile, ...]:
    """Return the step that removes the marker of a name, which a profile gets; () without a marker.

    Hermes would neither list nor serve the profile. A release without markers ignores the file.
    """
    path = layout.deletion_marker(name)
    found = signature(path)
    return (ReplaceFile(path, None, expected=found),) if found is not None else ()


def set_marker(layout: Layout, name: str) -> tuple[ReplaceFile, ...]:
    """Return the step that marks a name whose folder goes; () where the installed Hermes has no markers.

    With the marker, a running gateway does not make the folder of the profile again.
    """
    if name == DEFAULT or not layout.installed().has(Behaviour.DELETION_MARKERS):
        return ()
    path = layout.deletion_marker(name)
    return (ReplaceFile(path, Secret(DELETED_CONTENT), 0o644),) if signature(path) is None else ()
