"""Other differences between Hermes 0.19.0's multiplexer and a profile's own gateway. Pure.

Source: gateway/run.py (`_start_one_profile_adapters`), gateway/config.py (`load_gateway_config`, run in a profile's
scope for each channel with variables of the profile, of the process and of both), cron/jobs.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_settings import mapping
from hermes_profiles.credentials.holders import HolderIndex
from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.environment import PROCESS_PREFIXES
from hermes_profiles.hermes.files import CONFIG_FILE, JOBS_FILE, PROFILE_FILE
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import ClaimedResources

from .busy_messages import busy_message_issues
from .facts import MultiplexFacts
from .model import Issue, IssueSeverity, PinnedSetting

_KEPT_CLASSES = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION, KeyClass.TOOL_OR_PROVIDER_KEY)


def limit_issues(facts: Mapping[str, MultiplexFacts], catalog: Catalog) -> tuple[Issue, ...]:
    """Return what the multiplexer would do differently from the gateways of these profiles."""
    others = {name: profile for name, profile in facts.items() if name != DEFAULT}
    found: list[Issue] = []
    for name, profile in facts.items():
        found += unreadable_files(profile)
        found += _unread_variables(profile, catalog)
        if name in others:
            found += _listeners(profile, catalog)
            found += _environment_accounts(profile, catalog)
            found += _ignored_features(profile)
    return (*found, *duplicate_accounts(facts), *busy_message_issues(facts))


def disabled_channels(facts: Mapping[str, MultiplexFacts], catalog: Catalog) -> tuple[PinnedSetting, ...]:
    """Return settings that keep channels enabled by default's environment from starting for other profiles."""
    default = facts.get(DEFAULT)
    if default is None:
        return ()
    foreign = catalog.enabled_by(default.environment)
    found = []
    for name, profile in facts.items():
        for channel in multiplexing.STARTED_FOR_EACH_PROFILE if name != DEFAULT else ():
            if channel in foreign and channel not in profile.held.channels and not _is_off(profile, channel):
                why = f"{channel} is disabled: default's environment would start it for {name} with default's account"
                found.append(PinnedSetting(name, CONFIG_FILE, ("platforms", channel, "enabled"), "false", why))
    return tuple(found)


def _is_off(profile: MultiplexFacts, channel: str) -> bool:
    block = mapping(mapping(profile.config.get("platforms")).get(channel))
    return block.get("enabled") is False


def unreadable_files(profile: MultiplexFacts) -> Iterator[Issue]:
    """Yield the files of a profile that cannot be read with certainty."""
    for problem in profile.problems:
        yield Issue(
            profile.name,
            "unreadable",
            f"{profile.name}: {problem.message}",
            IssueSeverity.REFUSE,
            problem.target,
            problem.hint or f"see `hermes-profiles doctor {profile.name}`",
        )


def _unread_variables(profile: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    """Yield credentials and keys that a multiplexer does not read, or reads with another value."""
    for name, value in sorted(profile.environment.items()):
        fact = catalog.lookup(name)
        if not value.strip() or name.startswith(PROCESS_PREFIXES) or profile.scope.get(name) == value:
            continue
        if fact is None or fact.key_class not in _KEPT_CLASSES or not fact.known:
            continue
        if profile.name == DEFAULT and fact.key_class is not KeyClass.TOOL_OR_PROVIDER_KEY:
            continue  # adapters of default also read the environment of the process
        how = "reads another value" if name in profile.scope else "reads only the profile's own `.env`"
        yield Issue(
            profile.name,
            "unread-variable",
            f"{profile.name}: {name} ({profile.place(name)}) would be lost: the multiplexer {how}",
            IssueSeverity.REFUSE,
            profile.place(name),
            f"set it in the `.env`: `hermes-profiles env set {profile.name} {name}`",
        )


def _listeners(profile: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    listening = {claim.channel for claim in profile.held.ports}
    for channel in profile.held.channels:
        if channel not in multiplexing.LISTENERS and not (
            channel in multiplexing.LISTENERS_IN_A_MODE and channel in listening
        ):
            continue
        yield Issue(
            profile.name,
            "port-binding",
            f"{profile.name}: its {channel} listens on a port, which only default can do: the multiplexer would not "
            "serve the profile, and refuse a gateway of its own",
            IssueSeverity.REFUSE,
            _enabled_at(profile, channel, catalog),
            _off_command(profile, channel, catalog),
        )


def _environment_accounts(profile: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    by_variables = catalog.enabled_by(profile.environment)
    for channel in profile.held.channels:
        reads_process = channel in multiplexing.PROCESS_ACCOUNTS or (
            channel in multiplexing.PROCESS_ACCOUNTS_UNLESS_CONFIGURED and channel in by_variables
        )
        if reads_process:
            yield Issue(
                profile.name,
                "foreign-environment",
                f"{profile.name}: its {channel} would use default's account: the adapter reads the environment of the "
                "process",
                IssueSeverity.REFUSE,
                _enabled_at(profile, channel, catalog),
                _off_command(profile, channel, catalog),
            )


def _ignored_features(profile: MultiplexFacts) -> Iterator[Issue]:
    """Yield features of a profile that a multiplexer ignores."""
    name = profile.name
    if profile.jobs:
        yield Issue(
            name,
            "jobs",
            f"{name}: {profile.jobs} scheduled job{'s' if profile.jobs > 1 else ''} would not run: the multiplexer "
            "runs only default's",
            IssueSeverity.DECIDE,
            str(profile.home / JOBS_FILE),
            f"list them with `hermes -p {name} cron list`",
        )
    yield from ignored_settings(profile, "the multiplexer")
    if profile.parts:
        yield Issue(
            name,
            "parts",
            f"{name}: its own {' and '.join(profile.parts)} are not loaded: the multiplexer loads default's",
            IssueSeverity.NOTE,
            str(profile.home / profile.parts[0]),
        )


def ignored_settings(profile: MultiplexFacts, server: str) -> Iterator[Issue]:
    """Yield our own settings of a profile that have no effect in a gateway for all; `server`: its name in messages."""
    if profile.disabled and profile.held.channels:
        yield Issue(
            profile.name,
            "switched-off",
            f"{profile.name}: it is disabled, but {server} would serve it",
            IssueSeverity.DECIDE,
            str(profile.home / PROFILE_FILE),
            f"show it with `hermes-profiles show {profile.name}`",
        )
    if profile.options:
        yield Issue(
            profile.name,
            "service-options",
            f"{profile.name}: {', '.join(profile.options)} of its service has no effect",
            IssueSeverity.NOTE,
            str(profile.home / PROFILE_FILE),
        )


def duplicate_accounts(facts: Mapping[str, MultiplexFacts], *, with_ports: bool = True) -> Iterator[Issue]:
    """Yield accounts that two profiles share: in one process Hermes silently drops the second, or both answer.

    `with_ports`: and ports that both would listen on.
    """
    wanted = {name: tuple(_wanted(name, one.held, with_ports=with_ports)) for name, one in facts.items()}
    index = HolderIndex({name: [mark for mark, _, _ in mine] for name, mine in wanted.items()})
    for name, mine in wanted.items():
        reported = set()
        for mark, channel, noun in mine:
            other = index.first(mark) or name
            if other != name and channel not in reported:
                reported.add(channel)
                yield Issue(
                    name,
                    "same-account",
                    f"{other} and {name} have the same {channel} {noun}: the multiplexer uses it for {other} alone",
                    IssueSeverity.REFUSE,
                    str(facts[name].home),
                    f"find it with `hermes-profiles doctor {other} {name}`",
                )


def _wanted(name: str, held: ClaimedResources, *, with_ports: bool) -> Iterator[tuple[tuple[str, str], str, str]]:
    """Yield (mark, channel, noun) of each account and port that a profile would use in the multiplexer."""
    for identity in held.identities:
        yield identity.place, identity.channel, identity.noun
    skipped = multiplexing.LISTENERS if name != DEFAULT else frozenset()
    for claim in held.ports if with_ports else ():
        if claim.channel not in skipped:
            yield ("port", str(claim.port)), claim.channel, f"port {claim.port}"


def _enabled_at(profile: MultiplexFacts, channel: str, catalog: Catalog) -> str:
    """Return the place that enables a channel."""
    names = _enabling_variables(profile, channel, catalog)
    return profile.place(names[0]) if names else str(profile.home / CONFIG_FILE)


def _enabling_variables(profile: MultiplexFacts, channel: str, catalog: Catalog) -> list[str]:
    """Return the variables of a profile that enable a channel."""
    sets: Iterable[frozenset[str]] = catalog.channels[channel].enable_sets
    wanted = {
        name for names in sets if all(profile.environment.get(each, "").strip() for each in names) for name in names
    }
    return sorted(wanted)


def _off_command(profile: MultiplexFacts, channel: str, catalog: Catalog) -> str:
    """Return the hint that disables a channel: many channels start as long as their variables are set."""
    names = _enabling_variables(profile, channel, catalog)
    if names and not catalog.channels[channel].explicit_disable_wins:
        return f"remove it: `hermes-profiles env unset {profile.name} {' '.join(names)}`"
    return f"disable it: `hermes-profiles config set {profile.name} platforms.{channel}.enabled false`"
