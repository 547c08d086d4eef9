"""Reports variables that send a gateway elsewhere, and an API server that the environment opens for all. Pure.

Sources: hermes_cli/env_loader.py (`.env` wins over the environment of the process), hermes_cli/managed_scope.py,
gateway/config.py (API_SERVER_KEY alone starts the server), the same in 0.19.0 and 0.22.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural, profile_label, shell_command
from hermes_profiles.hermes.environment import (
    API_SERVER_ENABLED,
    API_SERVER_HOST,
    API_SERVER_KEY,
    API_SERVER_PORT,
    HERMES_HOME,
    HERMES_MANAGED_DIR,
)
from hermes_profiles.hermes.files import ENV_FILE, OP_ENV_FILE
from hermes_profiles.model.truthy import is_truthy

from .settings import gateway_environment, reduced_severity

_INHERITED = (API_SERVER_KEY, API_SERVER_PORT, API_SERVER_HOST, API_SERVER_ENABLED)
_DEFAULT_PORT = "8642"
_EFFECTS = {
    HERMES_HOME: "makes its gateway work in another home, with the bots of that home",
    HERMES_MANAGED_DIR: "puts the settings of a managed directory over its own, and no mask of hermes-gateways counts",
}


def redirected(facts: Facts) -> Iterator[Finding]:
    """Find variables in a profile's own files that send its gateway into another home or managed directory."""
    for profile in facts.profiles.values():
        for name in profile.held.redirects:
            place = _place(profile, name)
            yield Finding(
                f"{name} in {_file(profile, place)} of {profile_label(profile)} {_EFFECTS[name]}",
                Fix(
                    "remove it: the service gives each gateway its own",
                    _removal(profile, name, place),
                ),
                (profile.name,),
                evidence=(place,),
                severity=reduced_severity(profile, Severity.ERROR),
            )


def _place(profile: ProfileFacts, name: str) -> Evidence:
    for at in (profile.at_variable(name), profile.at_path((name,)), profile.at_path(("secrets", "onepassword", name))):
        if at.line is not None:
            return at
    return profile.at_path(("secrets", "onepassword", "env", name))


def _file(profile: ProfileFacts, place: Evidence) -> str:
    return (place.file or "").removeprefix(f"{profile.home}/") or "the managed directory"


def _removal(profile: ProfileFacts, name: str, place: Evidence) -> str:
    file = _file(profile, place)
    if file == ENV_FILE:
        return shell_command("hermes-profiles env unset", [profile.name, name])
    if file == OP_ENV_FILE or place.line is None:
        return shell_command('"${EDITOR:-vi}"', [place.file or profile.home / ENV_FILE])
    return shell_command("hermes-profiles config unset", [profile.name, place.key or name])


def inherited_api(facts: Facts) -> Iterator[Finding]:
    """Find an API server that API_SERVER_* of the environment opens on one port for several profiles."""
    given = {name: value for name in _INHERITED if (value := facts.environment.get(name, "").strip())}
    if not (given.get(API_SERVER_KEY) or is_truthy(given.get(API_SERVER_ENABLED))):
        return
    ports: dict[str, list[str]] = {}
    for profile in facts.profiles.values():
        environment = gateway_environment(facts, profile)
        if not profile.disabled and _opens(environment, given):
            port = environment.get(API_SERVER_PORT, given.get(API_SERVER_PORT, "")).strip() or _DEFAULT_PORT
            ports.setdefault(port, []).append(profile.name)
    for port, names in ports.items():
        if len(names) > 1:
            yield Finding(
                f"{join_names(given)} of the environment {plural(given, 'opens', 'open')} the API server on port"
                f" {port} in every gateway that is started from it: {join_names(names)};"
                " only one of them gets the port",
                Fix(
                    "take the variables out of the environment of the machine or container, and enable the server in"
                    " the .env of one profile; or give each profile a port of its own",
                    shell_command("hermes-profiles env set", [names[-1], API_SERVER_PORT]),
                ),
                tuple(names),
                "api_server",
                tuple(Evidence(None, None, None, name) for name in given),
                severity=Severity.ERROR,
            )


def _opens(environment: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Return whether inherited variables open the server of a gateway: its own files win, an empty value too."""
    key = environment.get(API_SERVER_KEY, given.get(API_SERVER_KEY, "")).strip()
    enabled = environment.get(API_SERVER_ENABLED, given.get(API_SERVER_ENABLED, ""))
    own = environment.get(API_SERVER_KEY, "").strip() or is_truthy(environment.get(API_SERVER_ENABLED))
    return not own and bool(key or is_truthy(enabled))
