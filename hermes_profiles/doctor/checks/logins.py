"""Reports single-use logins that several profiles hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.identities import LoginCopy
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural
from hermes_profiles.hermes.files import AUTH_FILE
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret

_SERVER = "mcp:"


def shared_login(facts: Facts) -> Iterator[Finding]:
    """Find single-use logins that several profiles hold. The first profile to renew one logs the others out."""
    holders: dict[tuple[str, str], list[LoginCopy]] = {}
    for login in facts.identities.logins:
        holders.setdefault((login.provider, login.digest.reveal()), []).append(login)
    grouped: dict[tuple[str, tuple[str, ...]], list[LoginCopy]] = {}
    for (provider, _), logins in holders.items():
        profiles = tuple(dict.fromkeys(login.profile for login in logins))
        grouped.setdefault((provider, profiles), []).extend(logins)
    for (provider, profiles), logins in grouped.items():
        enabled = [name for name in profiles if not facts.profiles[name].disabled]
        off = [name for name in profiles if facts.profiles[name].disabled]
        message = (
            f"{join_names(profiles)} have the same login for {_title(provider)}: the first to renew "
            "it logs the others out"
        )
        if off:
            message += f"; {join_names(off)} {plural(off, 'is', 'are')} disabled"
        again = next((name for name in reversed(profiles) if name != DEFAULT), profiles[-1])
        command = _command(facts, provider, again, logins)
        yield Finding(
            message,
            Fix(f"log {again} in again, which gives it a separate login", command),
            profiles,
            evidence=tuple(facts.profiles[login.profile].at_path(login.path, login.file) for login in logins[:_LINES])
            + tuple(facts.profiles[login.profile].at(login.file, ".".join(login.path)) for login in logins[_LINES:]),
            subject=Secret("\n".join(sorted({login.digest.reveal() for login in logins}))),
            severity=Severity.WARNING if len(enabled) < 2 else None,
        )


# Places of one finding that get a line number, which needs a full parse of the JSON file.
_LINES = 60


def _title(provider: str) -> str:
    if not provider.startswith(_SERVER):
        return provider
    name = provider.removeprefix(_SERVER)
    return f"the MCP server {name}" if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) else "an MCP server"


def _command(facts: Facts, provider: str, profile: str, logins: list[LoginCopy]) -> str:
    """Return the command that logs a profile in again.

    Source: Hermes 0.19.0, hermes_cli/subcommands/{auth,mcp}.py, memory_setup.py. The command removes the copy first:
    `auth add` would add a second login, and no Hermes command removes the file of Anthropic.
    """
    hermes = f"hermes -p {quote(profile)}"
    if provider.startswith(_SERVER):
        return f"{hermes} mcp reauth {quote(provider.removeprefix(_SERVER))}"
    if provider == "honcho":
        return f"{hermes} memory setup"
    if provider == "spotify":
        return f"{hermes} auth logout spotify && {hermes} auth spotify login"
    files = {login.file for login in logins if login.profile == profile}
    away = [f"rm {quote(str(facts.profiles[profile].home / file))}" for file in sorted(files - {AUTH_FILE})]
    away += [f"{hermes} auth logout {quote(provider)}"] if AUTH_FILE in files else []
    return " && ".join([*away, f"{hermes} auth add {quote(provider)} --type oauth"])
