"""Reports variables that send a gateway elsewhere, and an API server that the environment opens for all. Pure.

Sources: hermes_cli/env_loader.py (`.env` wins over the environment of the process), hermes_cli/managed_scope.py, the
same in 0.19.0 and 0.22.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.conflicts.inherited_api import given_by, inherited_apis
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural, profile_label, shell_command
from hermes_profiles.hermes.environment import API_SERVER_PORT, HERMES_HOME, HERMES_MANAGED_DIR, REDIRECTS
from hermes_profiles.hermes.files import ENV_FILE, OP_ENV_FILE
from hermes_profiles.model.names import DEFAULT

from .settings import gateway_environment, reduced_severity

_EFFECTS = {
    HERMES_HOME: "makes its gateway work in another home, with the bots of that home",
    HERMES_MANAGED_DIR: "puts the settings of a managed directory over its own, and no mask of hermes-gateways counts",
}
_BY_HAND = "; a service of hermes-gateways gives it its own, a start by hand does not"


def redirected(facts: Facts) -> Iterator[Finding]:
    """Find variables in a profile's own files that send its gateway into another home or managed directory."""
    for profile in facts.profiles.values():
        for name in profile.held.redirects:
            yield _redirect(profile, name, _EFFECTS[name], Severity.ERROR)
        for name in _gap_fillers(profile):
            yield _redirect(profile, name, f"{_EFFECTS[name]}{_BY_HAND}", Severity.WARNING)


def _gap_fillers(profile: ProfileFacts) -> Iterator[str]:
    """Yield variables of `.op.env` and config.yaml: they count where the gateway is started without them.

    `hermes -p NAME` sets HERMES_HOME before it reads any file (hermes_cli/main.py): default alone can miss it.
    """
    for name in REDIRECTS:
        value = profile.variables.get(name, "").strip()
        if name in profile.held.redirects or not value or (name == HERMES_HOME and profile.name != DEFAULT):
            continue
        if profile.at_variable(name).file != str(profile.home / ENV_FILE) and value != str(profile.home):
            yield name


def _redirect(profile: ProfileFacts, name: str, effect: str, severity: Severity) -> Finding:
    place = _place(profile, name)
    return Finding(
        f"{name} in {_file(profile, place)} of {profile_label(profile)} {effect}",
        Fix("remove it: the service gives each gateway its own", _removal(profile, name, place)),
        (profile.name,),
        evidence=(place,),
        severity=reduced_severity(profile, severity),
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
        return shell_command("${EDITOR:-vi}", [place.file or profile.home / ENV_FILE])
    return shell_command("hermes-profiles config unset", [profile.name, place.key or name])


def inherited_api(facts: Facts) -> Iterator[Finding]:
    """Find an API server that API_SERVER_* of the environment opens on one port for several profiles."""
    given = given_by(facts.environment)
    profiles = [profile for profile in facts.profiles.values() if given and not profile.disabled]
    for found in inherited_apis(given, {each.name: gateway_environment(facts, each) for each in profiles}):
        yield Finding(
            f"{join_names(found.names)} of the environment {plural(found.names, 'opens', 'open')} the API server on"
            f" port {found.port} in every gateway that is started from it: {join_names(found.profiles)};"
            " only one of them gets the port",
            Fix(
                "take the variables out of the environment of the machine or container, and enable the server in"
                " the .env of one profile; or give each profile a port of its own",
                shell_command("hermes-profiles env set", [found.profiles[-1], API_SERVER_PORT]),
            ),
            found.profiles,
            "api_server",
            tuple(Evidence(None, None, None, name) for name in found.names),
            severity=Severity.ERROR,
        )
