"""Hermes Profiles: create, clone and care for the profiles of a Hermes Agent root.

What `__all__` names is the library; everything else may change in any release.
"""

__version__ = "0.1.0"

__all__ = [
    "Channels",
    "ClonePolicy",
    "DocumentError",
    "EnvDocument",
    "Event",
    "Failed",
    "HermesProfilesError",
    "NotFound",
    "Outcome",
    "Problem",
    "Refused",
    "Root",
    "ServiceOptions",
    "UsageProblem",
    "YamlDocument",
    "__version__",
    "open_root",
]

TYPE_CHECKING = False  # as typing has it, without importing it
if TYPE_CHECKING:
    from hermes_profiles.credentials.policy import Channels, ClonePolicy
    from hermes_profiles.documents.dotenv.document import EnvDocument
    from hermes_profiles.documents.yaml.document import YamlDocument
    from hermes_profiles.fleet.outcomes import Outcome
    from hermes_profiles.fleet.service_specs import ServiceOptions
    from hermes_profiles.model.errors import (
        DocumentError,
        Failed,
        HermesProfilesError,
        NotFound,
        Problem,
        Refused,
        UsageProblem,
    )
    from hermes_profiles.operations.api import Root, open_root
    from hermes_profiles.operations.events import Event

_MODULES = {
    "Channels": "credentials.policy",
    "ClonePolicy": "credentials.policy",
    "EnvDocument": "documents.dotenv.document",
    "Event": "operations.events",
    "Outcome": "fleet.outcomes",
    "Root": "operations.api",
    "ServiceOptions": "fleet.service_specs",
    "YamlDocument": "documents.yaml.document",
    "open_root": "operations.api",
} | dict.fromkeys(
    ("DocumentError", "Failed", "HermesProfilesError", "NotFound", "Problem", "Refused", "UsageProblem"),
    "model.errors",
)


def __getattr__(name: str) -> object:
    """Return a name of the library; its module is imported now, so that the commands start without it."""
    if name not in _MODULES:
        raise AttributeError(f"module 'hermes_profiles' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hermes_profiles.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of the library."""
    return sorted({*globals(), *__all__})
