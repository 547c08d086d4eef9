"""What else Hermes 0.19.0's multiplexer does otherwise with a profile than a gateway of its own. Pure.

Source: gateway/run.py (`_start_one_profile_adapters`), gateway/config.py (`load_gateway_config`, run in a profile's
scope for each channel with variables of the profile, of the process and of both), cron/jobs.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channel_settings import mapping
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
    """Return what one gateway for all these profiles would not do as their own gateways do."""
    others = {name: one for name, one in facts.items() if name != DEFAULT}
    found: list[Issue] = []
    for name, one in facts.items():
        found += _unreadable_files(one)
        found += _unread_variables(one, catalog)
        if name in others:
            found += _listeners(one, catalog)
            found += _environment_accounts(one, catalog)
            found += _ignored_features(one)
    return (*found, *_duplicate_accounts(facts), *busy_message_issues(facts))


def disabled_channels(facts: Mapping[str, MultiplexFacts], catalog: Catalog) -> tuple[PinnedSetting, ...]:
    """Return what keeps a channel that the default's environment switches on from starting for everybody else."""
    default = facts.get(DEFAULT)
    if default is None:
        return ()
    foreign = catalog.enabled_by(default.environment)
    found = []
    for name, one in facts.items():
        for channel in multiplexing.STARTED_FOR_EACH_PROFILE if name != DEFAULT else ():
            if channel in foreign and channel not in one.held.channels and not _is_off(one, channel):
                why = f"{channel} is default's alone: it would start here too, with default's account"
                found.append(PinnedSetting(name, CONFIG_FILE, ("platforms", channel, "enabled"), "false", why))
    return tuple(found)


def _is_off(one: MultiplexFacts, channel: str) -> bool:
    block = mapping(mapping(one.config.get("platforms")).get(channel))
    return block.get("enabled") is False


def _unreadable_files(one: MultiplexFacts) -> Iterator[Issue]:
    for problem in one.problems:
        yield Issue(
            one.name,
            "unreadable",
            f"{one.name}: {problem.message}",
            IssueSeverity.REFUSE,
            problem.target,
            problem.hint or f"see `hermes-profiles doctor {one.name}`",
        )


def _unread_variables(one: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    """Yield credentials and keys that stand where a multiplexer does not look for them, or that it reads otherwise."""
    for name, value in sorted(one.environment.items()):
        fact = catalog.lookup(name)
        if not value.strip() or name.startswith(PROCESS_PREFIXES) or one.scope.get(name) == value:
            continue
        if fact is None or fact.key_class not in _KEPT_CLASSES or not fact.known:
            continue
        if one.name == DEFAULT and fact.key_class is not KeyClass.TOOL_OR_PROVIDER_KEY:
            continue  # the adapters of the default look into the process's environment, too
        how = "reads it otherwise" if name in one.scope else "reads nothing but a profile's own `.env`"
        yield Issue(
            one.name,
            "unread-variable",
            f"{one.name}: {name} ({one.place(name)}) would be lost: one gateway for all {how}",
            IssueSeverity.REFUSE,
            one.place(name),
            f"write it there plainly, the value is asked for: `hermes-profiles env set {one.name} {name}`",
        )


def _listeners(one: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    listening = {claim.channel for claim in one.held.ports}
    for channel in one.held.channels:
        if channel not in multiplexing.LISTENERS and not (
            channel in multiplexing.LISTENERS_IN_A_MODE and channel in listening
        ):
            continue
        yield Issue(
            one.name,
            "port-binding",
            f"{one.name}: its {channel} listens on a port, which only default may: the profile would be left out "
            "altogether, and a gateway of its own refused",
            IssueSeverity.REFUSE,
            _enabled_at(one, channel, catalog),
            _off_command(one, channel, catalog),
        )


def _environment_accounts(one: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    by_variables = catalog.enabled_by(one.environment)
    for channel in one.held.channels:
        is_meant = channel in multiplexing.PROCESS_ACCOUNTS or (
            channel in multiplexing.PROCESS_ACCOUNTS_UNLESS_CONFIGURED and channel in by_variables
        )
        if is_meant:
            yield Issue(
                one.name,
                "foreign-environment",
                f"{one.name}: the account of its {channel} would be default's, for that adapter asks the environment "
                "of the process",
                IssueSeverity.REFUSE,
                _enabled_at(one, channel, catalog),
                _off_command(one, channel, catalog),
            )


def _ignored_features(one: MultiplexFacts) -> Iterator[Issue]:
    """Yield what goes on without a multiplexer alone: for a person to decide, or to know."""
    name = one.name
    if one.jobs:
        yield Issue(
            name,
            "jobs",
            f"{name}: {one.jobs} scheduled job{'s' if one.jobs > 1 else ''} would not run: one gateway "
            "for all runs default's alone",
            IssueSeverity.DECIDE,
            str(one.home / JOBS_FILE),
            f"see them with `hermes -p {name} cron list`",
        )
    if one.disabled and one.held.channels:
        yield Issue(
            name,
            "switched-off",
            f"{name}: it is switched off, and one gateway for all would serve it all the same",
            IssueSeverity.DECIDE,
            str(one.home / PROFILE_FILE),
            f"see it with `hermes-profiles show {name}`",
        )
    if one.options:
        yield Issue(
            name,
            "service-options",
            f"{name}: {', '.join(one.options)} of its service counts no more",
            IssueSeverity.NOTE,
            str(one.home / PROFILE_FILE),
        )
    if one.parts:
        yield Issue(
            name,
            "parts",
            f"{name}: its own {' and '.join(one.parts)} are not loaded: one gateway for all has default's",
            IssueSeverity.NOTE,
            str(one.home / one.parts[0]),
        )


def _duplicate_accounts(facts: Mapping[str, MultiplexFacts]) -> Iterator[Issue]:
    """Yield accounts and ports that two profiles would have in one process: Hermes drops the second without a word, or
    both answer."""
    wanted = {name: tuple(_wanted(name, one.held)) for name, one in facts.items()}
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
                    f"{other} and {name} have the same {noun} of {channel}: in one gateway only {other} would have it",
                    IssueSeverity.REFUSE,
                    str(facts[name].home),
                    f"see where it stands with `hermes-profiles doctor {other} {name}`",
                )


def _wanted(name: str, held: ClaimedResources) -> Iterator[tuple[tuple[str, str], str, str]]:
    """Yield (mark, channel, noun) of each account and port that a profile would have in the multiplexer."""
    for identity in held.identities:
        yield identity.place, identity.channel, identity.noun
    skipped = multiplexing.LISTENERS if name != DEFAULT else frozenset()
    for claim in held.ports:
        if claim.channel not in skipped:
            yield ("port", str(claim.port)), claim.channel, f"port {claim.port}"


def _enabled_at(one: MultiplexFacts, channel: str, catalog: Catalog) -> str:
    """Return the place that switches a channel on."""
    names = _enabling_variables(one, channel, catalog)
    return one.place(names[0]) if names else str(one.home / CONFIG_FILE)


def _enabling_variables(one: MultiplexFacts, channel: str, catalog: Catalog) -> list[str]:
    """Return the variables of a profile that switch a channel on."""
    sets: Iterable[frozenset[str]] = catalog.channels[channel].enable_sets
    wanted = {name for names in sets if all(one.environment.get(each, "").strip() for each in names) for name in names}
    return sorted(wanted)


def _off_command(one: MultiplexFacts, channel: str, catalog: Catalog) -> str:
    """Return the command that switches a channel off in a profile: many start while their variables are set."""
    names = _enabling_variables(one, channel, catalog)
    if names and not catalog.channels[channel].explicit_disable_wins:
        return f"take it out there: `hermes-profiles env unset {one.name} {' '.join(names)}`"
    return f"switch it off there: `hermes-profiles config set {one.name} platforms.{channel}.enabled false`"
