"""Reports ambiguous lines, joined keys, placeholders and unknown secrets of environment files. Pure.

Hermes 0.19.0 has three readers (FACTS.md): the start of a gateway (python-dotenv), the menus, and the scope of a
profile under a multiplexer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from hermes_profiles.accounts.requirements import set_up_command
from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.identities import is_example
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import EditFile, Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, profile_label, shell_command
from hermes_profiles.documents.dotenv.fast_reader import read_simple_env
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, IDENTITY_FILES, OP_ENV_FILE
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.profiles.create import ENV_HEADER

from .settings import channel_settings, gateway_environment, is_real_secret, reduced_severity

if TYPE_CHECKING:
    from hermes_profiles.documents.dotenv.normalize import ReaderDifference

_FILES = (ENV_FILE, OP_ENV_FILE)
_VARIABLE = lazy_pattern(r"[A-Z_][A-Z0-9_]*")
# Names of channel credentials; the key of a tool (`NOTION_TOKEN`) is not an identity.
_CREDENTIAL = lazy_pattern(
    r".*(?:BOT|APP|WEBHOOK|CHANNEL|SIGNING|DEVICE|CLIENT|CORP)_(?:TOKEN|SECRET|KEY|PASSWORD)(?:_\d+)?"
)
# Token formats of Telegram, Slack and Discord, under any variable name.
_TOKEN = lazy_pattern(
    r"\d{8,12}:[A-Za-z0-9_-]{30,}|xox[abp]-[A-Za-z0-9-]{20,}|xapp-\d-[A-Za-z0-9-]{20,}"
    r"|[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"
)


def _odd_files(facts: Facts) -> Iterator[tuple[ProfileFacts, str, bytes]]:
    """Yield the environment files that need a full parse; all readers agree about plain ones."""
    for profile in facts.profiles.values():
        for file in _FILES:
            raw = profile.files.raw(file)
            if raw and read_simple_env(raw) is None:
                yield profile, file, raw


def _shown(name: str) -> str:
    """Return a name for a message. An invalid name is not shown: it can be a misplaced secret value."""
    return name if _VARIABLE.fullmatch(name) else "an entry without a valid name"


def readers_disagree(facts: Facts) -> Iterator[Finding]:
    """Find variables that the three readers of Hermes read differently: gateway, menus and multiplexer."""
    known = facts.catalog.known_names
    for profile, file, raw in _odd_files(facts):
        from hermes_profiles.documents.dotenv.normalize import HIDDEN_BY_MARK, differences, settle

        # Of `.op.env` there is one reader: hermes_cli/env_loader.py, of which releases differ about a mark.
        found = differences(raw, known)
        if file == OP_ENV_FILE:
            found = tuple(row for row in found if row.reason == HIDDEN_BY_MARK)
        if not found:
            continue
        path = str(profile.home / file)
        multiplexed = bool(facts.services.multiplexing)
        differences_text = join_names(f"{_shown(row.name)} ({row.reason})" for row in found)
        can = _can_edit(settle, raw, path, known)
        yield Finding(
            f"the readers of Hermes disagree about {file} of {profile_label(profile)}: {differences_text}",
            Fix(
                "save it as UTF-8"
                if all(row.is_encoding for row in found)
                else "write each of them as NAME=value on a separate line, without comments on that line",
                shell_command("hermes-profiles doctor --fix --only", ["files.readers-disagree"])
                if can
                else shell_command("${EDITOR:-vi}", [path]),
            ),
            (profile.name,),
            evidence=tuple(profile.at(file, _shown(row.name), row.line) for row in found),
            repairs=(EditFile(profile.home / file, partial(settle, known=known)),) if can else (),
            severity=reduced_severity(profile, _difference_severity(found, facts, multiplexed=multiplexed)),
        )


def _difference_severity(found: tuple[ReaderDifference, ...], facts: Facts, *, multiplexed: bool) -> Severity:
    """Return the severity of reader differences.

    Error: a gateway does not get a credential; info: only a multiplexer is affected, and none is used; else warning.
    """
    if any(_is_credential(row.name, facts) and (row.is_lost or multiplexed) for row in found):
        return Severity.ERROR
    return Severity.INFO if all(row.in_scope_alone for row in found) and not multiplexed else Severity.WARNING


def _can_edit(edit: Callable[..., bytes], raw: bytes, path: str, known: frozenset[str]) -> bool:
    """Return whether an edit succeeds."""
    try:
        edit(raw, path, known=known)
    except DocumentError:
        return False
    return True


def _is_credential(name: str, facts: Facts) -> bool:
    fact = facts.catalog.lookup(name)
    return fact is not None and fact.known and fact.key_class is KeyClass.IDENTITY_CREDENTIAL


def joined_keys(facts: Facts) -> Iterator[Finding]:
    """Find known variables joined on one line, for example by `echo >>` to a file without a final newline."""
    known = facts.catalog.known_names
    for profile, file, raw in _odd_files(facts):
        from hermes_profiles.documents.dotenv.normalize import joined, split_joined

        for line, names in joined(raw, known):
            can = _can_edit(split_joined, raw, str(profile.home / file), known)
            yield Finding(
                f"{join_names(names, 5)} are on one line in {file} of {profile_label(profile)}: some "
                "readers take the rest of"
                f" the line as the value of {names[0]}",
                Fix(
                    "write each on a separate line",
                    shell_command("hermes-profiles doctor --fix --only", ["files.joined-keys"])
                    if can
                    else shell_command("${EDITOR:-vi}", [profile.home / file]),
                ),
                (profile.name,),
                evidence=tuple(profile.at(file, name, line) for name in names),
                repairs=(EditFile(profile.home / file, partial(split_joined, known=known)),) if can else (),
                severity=reduced_severity(profile, Severity.ERROR),
            )


def unknown_secret(facts: Facts) -> Iterator[Finding]:
    """Find variables that look like a channel credential and are not in the catalogue; a clone copies them."""
    found: dict[str, list[Evidence]] = {}
    for profile in facts.profiles.values():
        for name in unknown_secrets(profile, facts.catalog):
            found.setdefault(name, []).append(profile.at_variable(name))
    for name, places in found.items():
        owners = tuple(dict.fromkeys(place.profile for place in places if place.profile is not None))
        yield Finding(
            f"{_shown(name)} of {join_names(owners)} looks like a channel credential, but is not in "
            "the catalogue: a clone"
            " would copy it",
            Fix(
                "add the variable to catalog.toml if it is a credential; this command explains the variable",
                shell_command("hermes-profiles explain", [name, "--profile", owners[0]]),
            ),
            owners,
            evidence=tuple(places),
        )


def unknown_secrets(profile: ProfileFacts, catalog: Catalog) -> Iterator[str]:
    """Yield the variables of a profile that look like a channel credential and are not in the catalogue."""
    for name, value in profile.environment.items():
        if catalog.lookup(name) is None and _looks_secret(name, value, catalog):
            text = b"${" + name.encode("utf-8", "replace") + b"}"
            if text not in (profile.files.raw(CONFIG_FILE) or b""):
                yield name


def _looks_secret(name: str, value: str, catalog: Catalog) -> bool:
    if _VARIABLE.fullmatch(name) is None or not is_real_secret(value, catalog):
        return False
    return _CREDENTIAL.fullmatch(name) is not None or _TOKEN.fullmatch(value.strip()) is not None


def placeholder(facts: Facts) -> Iterator[Finding]:
    """Find channels enabled by a placeholder instead of a credential; they cannot log in."""
    for profile in facts.profiles.values():
        environment = gateway_environment(facts, profile)
        fakes: dict[str, str] = {}
        for name in profile.environment:
            fact = facts.catalog.lookup(name)
            if fact is None or not fact.secret or fact.key_class is not KeyClass.IDENTITY_CREDENTIAL:
                continue
            if not _is_fake(environment.get(name, ""), facts) or fact.channel in (None, "api_server"):
                continue
            for channel in facts.catalog.channels_of(name):
                if _would_start(profile, channel, name, environment, facts):
                    fakes.setdefault(name, channel)
        if fakes:
            channels, what = join_names(fakes.values()), "is a placeholder" if len(fakes) == 1 else "are placeholders"
            yield Finding(
                f"{join_names(fakes)} of {profile_label(profile)} {what}: {channels} cannot log in",
                Fix(
                    "set the real credential, or remove the variable",
                    set_up_command(facts.catalog.channels[next(iter(fakes.values()))], profile.name),
                ),
                (profile.name,),
                next(iter(fakes.values())) if len(set(fakes.values())) == 1 else None,
                tuple(profile.at_variable(name) for name in fakes),
                severity=reduced_severity(profile, Severity.WARNING),
            )


def _is_fake(value: str, facts: Facts) -> bool:
    text = value.strip()
    return bool(text) and (text.lower() in facts.catalog.placeholders or is_example(text))


def _would_start(profile: ProfileFacts, channel: str, name: str, environment: Mapping[str, str], facts: Facts) -> bool:
    """Return whether a channel is enabled, or would be with a real credential in place of the placeholder."""
    if channel in profile.held.channels:
        return True
    fact = facts.catalog.channels[channel]
    flag = channel_settings(profile, channel, facts.catalog).get("enabled")
    if flag is not None and not is_truthy(flag) and fact.explicit_disable_wins:
        return False
    return any(name in names and all(environment.get(variable) for variable in names) for names in fact.enable_sets)


def no_env(facts: Facts) -> Iterator[Finding]:
    """Find profiles without `.env`. The next `hermes update` copies that of the default profile, tokens included.

    Source: hermes_cli/profiles.py, `backfill_profile_envs`.
    """
    for name, profile in facts.profiles.items():
        if name != DEFAULT and ENV_FILE not in profile.listing:
            what = "has no .env"
            if not profile.listing:
                what = "is an empty folder"
            elif not any(file in profile.listing for file in IDENTITY_FILES):
                what = "contains only leftover files of a profile"
            yield Finding(
                f"{profile_label(profile)} {what}: the next `hermes update` copies the .env of "
                "the default profile,"
                " tokens included",
                Fix("create an empty one", shell_command("hermes-profiles doctor --fix --only", ["files.no-env"])),
                (name,),
                evidence=(profile.at(ENV_FILE),),
                repairs=(EditFile(profile.home / ENV_FILE, _fresh),),
            )


def _fresh(raw: bytes, path: str) -> bytes:
    return raw or ENV_HEADER.encode()
