"""Take copied identities out of the profiles that do not own them, and check what is left."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from hermes_profiles.accounts.requirements import can_connect, set_up_command
from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.fingerprint_key import fingerprint_key, fleet_key
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan, Step
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.clone.strip.plan import StripPlan, StripRequest, plan_strip
from hermes_profiles.clone.strip.report import StripReport
from hermes_profiles.conflicts.overlay import masks_in_force
from hermes_profiles.conflicts.ownership import Decision, SharedKind
from hermes_profiles.conflicts.repair_plan import Asked, Repair, Scene, plan_repair, remaining
from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import ObservationHints
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.hermes.gateway_states import CONNECTED
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.model.secret import fingerprint
from hermes_profiles.profiles.channels import NOTHING_MANAGED, Managed
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values
from hermes_profiles.profiles.placement import all_elsewhere
from hermes_profiles.profiles.ports import declared_ports, default_ports, free_port

from ..context import from_os_error
from ..fleet_context import FleetSession

# So many profiles are named in the journal's summary.
_NAMED = 5


class SharedResource(NamedTuple):
    """An identity, port or login that several profiles hold, and the decision about its owner.

    `left_alone`: the profiles that keep it because the user did not name them; `fingerprints`: of its values.
    """

    decision: Decision
    left_alone: tuple[str, ...]
    fingerprints: tuple[str, ...]


class RepairResult(NamedTuple):
    """The result of a repair. `shared`: what was shared; `profiles`: what each profile loses.

    `remaining`: what is shared afterwards; `plan`: the change (None: there is nothing to do); `change`: its id once it
    is made; `unread`: files that could not be read.
    """

    shared: tuple[SharedResource, ...]
    profiles: tuple[StripReport, ...]
    unread: tuple[str, ...]
    next_steps: tuple[str, ...]
    plan: ChangePlan | None
    dry_run: bool
    change: str | None = None
    remaining: tuple[SharedResource, ...] = ()
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return 1 when something failed or is still shared, else 0."""
        return ExitCode.FAILED if self.errors or self.remaining else ExitCode.OK


# Returns whether the user agrees to a repair.
ConfirmRepair = Callable[[RepairResult], bool]


class RepairRun:
    """One repair of a root."""

    def __init__(self, session: FleetSession, asked: Asked) -> None:
        self._session = session
        self._asked = asked
        self._warnings: list[Problem] = []
        self._errors: list[Problem] = []
        self._claimed: frozenset[int] | None = None
        self._managed = NOTHING_MANAGED
        self._gateways: Mapping[str, Gateway] = {}

    def run(self, *, dry_run: bool = False, confirm: ConfirmRepair | None = None) -> RepairResult:
        """Repair the root and return what was shared, what was changed and what is left.

        `confirm` gets the planned repair first. Raises Refused when it returns False. It plans and changes under the
        fleet lock: a gateway that starts in between could take what a profile is about to lose.
        """
        if dry_run:
            return self._run(dry_run=True, confirm=None)
        with self._session.exclusive():
            return self._run(dry_run=False, confirm=confirm)

    def _run(self, *, dry_run: bool, confirm: ConfirmRepair | None) -> RepairResult:
        session = self._session
        self._managed = self._read_managed()
        self._gateways = self._observe()
        repair = self._plan()
        removals = {name: removal for name, removal in self._removals(repair.wishes).items() if removal.steps}
        steps: tuple[Step, ...] = tuple(step for removal in removals.values() for step in removal.steps)
        key = fleet_key(session.layout) or fingerprint_key(session.layout, make=bool(steps) and not dry_run)
        result = RepairResult(
            tuple(self._shared(decision, key) for decision in repair.decisions),
            tuple(removal.report for removal in removals.values()),
            tuple(problem.target for problem in repair.unread if problem.target),
            tuple(self._next_steps(repair.decisions, removals)),
            ChangePlan(("repair",), _summary(removals), steps, profiles=tuple(removals)) if steps else None,
            dry_run,
        )
        self._warnings += [*repair.unread, *(w for removal in removals.values() for w in removal.report.warnings)]
        if not dry_run:
            if result.plan is not None:
                if confirm is not None and not confirm(result):
                    raise Refused("not confirmed, nothing changed", code="not-confirmed")
                result = result._replace(change=apply(result.plan, layout=session.layout).change_id)
            left = remaining(self._plan().decisions if steps else repair.decisions, self._asked.may_change)
            result = result._replace(remaining=tuple(self._shared(decision, key) for decision in left))
            self._errors += [_left_problem(decision) for decision in left if not self._is_reported(decision)]
        warnings = [*session.problems, *session.manager_problems, *self._warnings]
        return result._replace(warnings=tuple(dict.fromkeys(warnings)), errors=tuple(self._errors))

    def _is_reported(self, decision: Decision) -> bool:
        """Return whether an error already says why every loser still has it."""
        reported = {problem.target for problem in self._errors}
        return set(decision.losers) & self._asked.may_change <= reported

    def _observe(self) -> Mapping[str, Gateway]:
        session = self._session
        layout = session.layout
        known = ObservationHints(masks=lambda name, process: masks_in_force(layout, name, process))
        return session.observe(session.existing, known)

    def _read_managed(self) -> Managed:
        session = self._session
        try:
            found = managed_values(managed_folder(session.environment, session.layout), session.catalog)
        except HermesProfilesError as error:
            self._warnings.append(error.problem)
            return NOTHING_MANAGED
        for name, value in sorted(found.environment.items()):
            fact = session.catalog.lookup(name)
            if value and fact is not None and fact.key_class is KeyClass.IDENTITY_CREDENTIAL:
                self._warnings.append(
                    Problem(
                        "managed-identity",
                        f"the managed folder sets {name} for every profile; no repair changes that",
                        name,
                        "give it to one profile: move the line to that profile's `.env`",
                    )
                )
        return found

    def _plan(self) -> Repair:
        session = self._session
        locks = live_locks(
            session.environment,
            session.layout.user_home,
            catalog=session.catalog,
            processes=session.world.processes,
            platform=session.layout.platform,
        )
        # What the managed directory sets for every profile by name stays; its other values can be referred to.
        others = {
            name: value
            for name, value in self._managed.environment.items()
            if (fact := session.catalog.lookup(name)) is None or not fact.known
        }
        scene = Scene(
            session.layout,
            session.catalog,
            session.existing,
            self._gateways,
            locks,
            session.environment,
            Managed(others, {}),
        )
        return plan_repair(scene, self._asked)

    def _removals(self, wishes: Mapping[str, StripRequest]) -> dict[str, StripPlan]:
        """Return the removal of each profile; one that cannot be planned is an error, and the others go on."""
        session, now = self._session, utc_now()
        layout = session.layout
        trash_id = unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
        found: dict[str, StripPlan] = {}
        for name, wish in wishes.items():
            try:
                found[name] = plan_strip(
                    layout,
                    name,
                    wish,
                    catalog=session.catalog,
                    environment={**self._managed.environment, **session.environment},
                    assigned_port=self._port,
                    fresh_key=lambda: os.urandom(32).hex(),
                    trash_id=trash_id,
                    deleted_at=iso(now),
                )
            except HermesProfilesError as error:
                code, message, _, hint = error.problem
                self._errors.append(Problem(code, f"{name} is left as it is: {message}", name, hint))
            except OSError as error:
                code, message, _, hint = from_os_error(error)
                self._errors.append(Problem(code, f"{name} is left as it is: {message}", name, hint))
        return found

    def _port(self) -> int:
        if self._claimed is None:
            layout = self._session.layout
            homes = [layout.home(name) for name in self._session.existing]
            self._claimed = declared_ports(homes) | default_ports(self._session.catalog)
        port = free_port(self._claimed)
        self._claimed |= {port}
        return port

    def _shared(self, decision: Decision, key: bytes | None) -> SharedResource:
        changes = set(decision.losers) & self._asked.may_change
        prints = decision.parties if key is not None and decision.kind is not SharedKind.PORT else ()
        return SharedResource(
            decision,
            tuple(name for name in decision.losers if name not in changes),
            tuple(fingerprint(party, key) for party in prints) if key is not None else (),
        )

    def _next_steps(self, decisions: Sequence[Decision], removals: Mapping[str, StripPlan]) -> Iterator[str]:
        """Yield the commands that come next: restarts first, since a loser that runs on would still take the bot."""
        losers = [name for name in removals if self._holds_on(name)]
        kept = {one.owner for one in decisions if set(one.losers) & set(removals) and one.kind is not SharedKind.LOGIN}
        if losers:
            names = " ".join(dict.fromkeys(self._process_of(name) for name in losers))
            yield f"restart the gateways that lost a channel: hermes-gateways restart {names}"
        deaf = [name for name in sorted(kept) if self._is_deaf(name, decisions) and name not in losers]
        if deaf:
            yield f"then have its owner take it: hermes-gateways restart {' '.join(deaf)}"
        for name, removal in removals.items():
            yield from self._set_up(name, removal, decisions)

    def _holds_on(self, name: str) -> bool:
        return self._gateways[name].is_alive

    def _process_of(self, name: str) -> str:
        return DEFAULT if self._gateways[name].state is GatewayState.SERVED else name

    def _is_deaf(self, name: str, decisions: Sequence[Decision]) -> bool:
        """Return whether an owner's gateway runs without what it keeps."""
        gateway = self._gateways[name]
        states = {each.name: each.state for each in gateway.channels}
        mine = {one.channel for one in decisions if one.owner == name}
        return gateway.is_alive and any(states.get(channel, CONNECTED) != CONNECTED for channel in mine)

    def _set_up(self, name: str, removal: StripPlan, decisions: Sequence[Decision]) -> Iterator[str]:
        commands: dict[str, list[str]] = {}
        for channel in removal.report.channels:
            command = set_up_command(self._session.catalog.channels[channel], name)
            commands.setdefault(command, []).append(channel)
        for command, channels in commands.items():
            yield f"if {name} needs {', '.join(channels)}, set it up with an account of its own: {command}"
        by_hand = [each for each in removal.report.disabled if not can_connect(self._session.catalog.channels[each])]
        if by_hand:
            config = self._session.layout.home(name) / CONFIG_FILE
            yield f"then switch it on again in {config} ({', '.join(by_hand)}: enabled: true)"
        owners = {one.channel: one.owner for one in decisions if one.kind is SharedKind.LOGIN and name in one.losers}
        for provider in removal.report.logins:
            if owners.get(provider) != DEFAULT or provider == "honcho":
                words = "honcho setup" if provider == "honcho" else f"auth add {provider}"
                yield f"log {name} in with {provider} again: hermes -p {name} {words}"
        for place, port in removal.report.assigned.items():
            if port is not None:
                yield f"give the clients of {name} its new port {port} ({place})"
            else:
                yield f"give the clients of {name} its new key ({place} in {self._session.layout.home(name)})"


def _summary(removals: Collection[str]) -> str:
    return f"repair {', '.join(removals)}" if len(removals) <= _NAMED else f"repair {len(removals)} profiles"


def _left_problem(decision: Decision) -> Problem:
    names = " and ".join(decision.losers)
    return Problem(
        "still-shared",
        f"{decision.channel}: {names} still {'has' if len(decision.losers) == 1 else 'have'} the "
        f"{decision.what} of {decision.owner}",
        decision.losers[0],
        f"look for it with `hermes-profiles doctor {decision.losers[0]}`",
    )


def repair_request(
    session: FleetSession, profiles: Sequence[str], owners: Sequence[tuple[str, str]], channels: Sequence[str]
) -> Asked:
    """Return the request to repair these profiles (none: all) and channels or logins (none: all).

    `owners`: (channel, profile) pairs, in the order given. A profile that lives in another place is left as it is.
    Raises UsageProblem, NotFound, and Refused where such a profile is named.
    """
    named = session.selection(profiles, (), None).profiles if profiles else session.existing
    away = all_elsewhere(session.layout, named, catalog=lambda: session.catalog)
    if profiles and away:
        raise next(iter(away.values())).refusal("repair it")
    chosen = frozenset(_known_channel(name, session.catalog, "--channel") for name in channels) if channels else None
    by_channel: dict[str, tuple[str, ...]] = {}
    for channel, profile in owners:
        name = check_existing_name(profile)
        require(session.layout, name)
        known = _known_channel(channel, session.catalog, "--owner")
        by_channel[known] = (*by_channel.get(known, ()), name)
    return Asked(by_channel, chosen, frozenset(named) - away.keys())


def _known_channel(name: str, catalog: Catalog, option: str) -> str:
    channel = catalog.channel_of_config_key(name)
    logins = {row.provider for row in catalog.oauth_rows if row.single_use}
    if channel is None and name not in logins and not name.startswith("mcp-tokens/"):
        raise UsageProblem(
            f"{name!r} is not a channel and no login", target=option, hint="list them with `hermes-profiles catalog`"
        )
    return channel or name
