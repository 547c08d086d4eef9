"""Logins that work once, in more than one profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.identities import SingleUseLogin
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural
from hermes_profiles.hermes.files import AUTH_FILE
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret

_SERVER = "mcp:"


def shared_login(facts: Facts) -> Iterator[Finding]:
    """Yield logins that several profiles hold a copy of: the first to renew it logs the others out."""
    holders: dict[tuple[str, str], list[SingleUseLogin]] = {}
    for grant in facts.identities.logins:
        holders.setdefault((grant.provider, grant.digest.reveal()), []).append(grant)
    grouped: dict[tuple[str, tuple[str, ...]], list[SingleUseLogin]] = {}
    for (provider, _), grants in holders.items():
        whose = tuple(dict.fromkeys(grant.profile for grant in grants))
        grouped.setdefault((provider, whose), []).extend(grants)
    for (provider, whose), grants in grouped.items():
        enabled = [name for name in whose if not facts.profiles[name].disabled]
        off = [name for name in whose if facts.profiles[name].disabled]
        told = (
            f"{join_names(whose)} have the same login at {_title(provider)}: the first to renew it logs the others out"
        )
        if off:
            told += f"; {join_names(off)} {plural(off, 'is', 'are')} disabled"
        again = next((name for name in reversed(whose) if name != DEFAULT), whose[-1])
        command = _command(facts, provider, again, grants)
        yield Finding(
            told,
            Fix(f"log {again} in again, so that it has a login of its own", command),
            whose,
            evidence=tuple(facts.profiles[grant.profile].at_path(grant.path, grant.file) for grant in grants[:_LINES])
            + tuple(facts.profiles[grant.profile].at(grant.file, ".".join(grant.path)) for grant in grants[_LINES:]),
            subject=Secret("\n".join(sorted({grant.digest.reveal() for grant in grants}))),
            severity=Severity.WARNING if len(enabled) < 2 else None,
        )


# A line of a JSON file takes a full parse; a root of a thousand has as many places.
_LINES = 60


def _title(provider: str) -> str:
    if not provider.startswith(_SERVER):
        return provider
    name = provider.removeprefix(_SERVER)
    return f"the MCP server {name}" if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) else "an MCP server"


def _command(facts: Facts, provider: str, profile: str, grants: list[SingleUseLogin]) -> str:
    """Return what logs a profile in anew (Hermes 0.19.0: hermes_cli/subcommands/{auth,mcp}.py, memory_setup.py).

    The copy goes first: `auth add` puts a second login beside it, and no command takes Anthropic's own file away.
    """
    hermes = f"hermes -p {quote(profile)}"
    if provider.startswith(_SERVER):
        return f"{hermes} mcp reauth {quote(provider.removeprefix(_SERVER))}"
    if provider == "honcho":
        return f"{hermes} memory setup"
    if provider == "spotify":
        return f"{hermes} auth logout spotify && {hermes} auth spotify login"
    files = {grant.file for grant in grants if grant.profile == profile}
    away = [f"rm {quote(str(facts.profiles[profile].home / file))}" for file in sorted(files - {AUTH_FILE})]
    away += [f"{hermes} auth logout {quote(provider)}"] if AUTH_FILE in files else []
    return " && ".join([*away, f"{hermes} auth add {quote(provider)} --type oauth"])
