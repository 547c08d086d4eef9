"""Decides the masks before a start, once for all gateways to start, and records them for the services."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from shlex import quote

from hermes_profiles.conflicts import claims, ledger
from hermes_profiles.conflicts.decide import assign_channels
from hermes_profiles.conflicts.multiplex_masks import without_shared_masks
from hermes_profiles.conflicts.one_process import LeftOut, left_out, masks_of_process, of_one_process, serving_order
from hermes_profiles.conflicts.overlay import has_overlay, masks_in_force
from hermes_profiles.conflicts.ownership import UsageEvidence, priority
from hermes_profiles.conflicts.running import without
from hermes_profiles.conflicts.usage_evidence import evidence_of
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Gateway, GatewayState, LiveGateway, LiveLock
from hermes_profiles.gateways.observe import ObservationHints, SystemContext, live_gateways, survey
from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_MANAGED_DIR
from hermes_profiles.hermes.files import CONFIG_FILE, LEGACY_CONFIG_FILE
from hermes_profiles.hermes.gateway_states import FATAL
from hermes_profiles.model.errors import NotFound, Problem
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources, redirect_problem
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values

from .lock_obstacle import lock_obstacle, lock_problem
from .one_gateway import OneGateway, one_gateway
from .protocols import StartDecision


class ConflictRule(StrEnum):
    """The handling of a conflict: mask the channel for this run, refuse the start, or ignore it."""

    MASK = "mask"
    REFUSE = "refuse"
    IGNORE = "ignore"


class StartGuard:
    """The conflicts of one start command; `owners`: the profiles of `--owner`, strongest first."""

    def __init__(
        self,
        world: SystemContext,
        existing: Sequence[str],
        catalog: Catalog,
        environment: Mapping[str, str],
        rule: ConflictRule = ConflictRule.MASK,
        owners: Sequence[str] = (),
    ) -> None:
        self._world = world
        self._existing = tuple(existing)
        self._catalog = catalog
        self._environment = environment
        self._rule = rule
        self._owners = tuple(check_existing_name(name) for name in owners)
        missing = [name for name in self._owners if name not in existing]
        if missing:
            raise NotFound(
                f"no profile {missing[0]!r}", target=missing[0], hint="see the names with `hermes-profiles list`"
            )
        self._gateways: dict[str, Gateway] = {}
        self._held: dict[str, ClaimedResources] = {}
        self._masks: Mapping[str, tuple[Mask, ...]] | None = None
        self._one: OneGateway | None = None
        self._together: tuple[str, ...] = ()
        self._joining: tuple[str, ...] = ()
        self._left: tuple[LeftOut, ...] = ()
        self.warnings: list[Problem] = []

    def observe(self, profiles: Sequence[str]) -> dict[str, Gateway]:
        """Return the gateways of these profiles; the others of the root are observed for conflicts."""
        layout = self._world.layout
        known = ObservationHints(masks=lambda name, process: masks_in_force(layout, name, process))
        self._gateways = survey(self._world, self._existing, known)
        self._one = one_gateway(self._world, self._gateways)
        return {name: self._gateways[name] for name in profiles}

    @property
    def one(self) -> OneGateway | None:
        """Return the one gateway of the account as it was observed, None where each profile has its own."""
        return self._one

    @property
    def gateways(self) -> Mapping[str, Gateway]:
        """Return the gateways of all profiles of the root as they were observed."""
        return self._gateways

    @property
    def masks(self) -> Mapping[str, tuple[Mask, ...]]:
        """Return the masks of the profiles that start, {} before they are decided."""
        return self._masks or {}

    def will_serve(self, joining: Sequence[str], leaving: Sequence[str] = ()) -> None:
        """Take the profiles that the one gateway serves after this start for one process.

        `joining`: members that it starts to serve, parked ones too; `leaving`: members that it will not serve.
        """
        if self._one is None:
            return
        own = {name for name, each in self._gateways.items() if _is_standalone(each)}
        served = {name for name in self._one.members if not _is_parked(self._gateways[name])}
        together = (served | {*joining} | self._one.served) - {*leaving} - own
        self._joining = tuple(joining)
        self._together = serving_order(self._one.server, tuple(together))

    def with_topology(self, gateways: Mapping[str, Gateway]) -> dict[str, Gateway]:
        """Return the gateways; those that Hermes would refuse get the state `served`.

        Hermes' guard reads the multiplexing setting of a running default gateway, not the profiles that it serves
        (SERVICES.md 6), and a service would retry forever. A default gateway that starts with them counts as running.
        Where one gateway serves all, `one` says which profiles have their own.
        """
        if self._one is not None:
            return dict(gateways)
        default = self._gateways.get(DEFAULT)
        process = default.process if default is not None else None
        if process is None and not (DEFAULT in gateways and has_service(gateways[DEFAULT])):
            return dict(gateways)
        if not multiplexing_asked(self._world.layout.home(DEFAULT), self._environment):
            return dict(gateways)
        pid = process.pid if process is not None else None
        detail = "default is set to serve every profile"
        if pid:
            detail = f"{detail}, and its gateway (PID {pid}) does not serve this one yet"
        return {
            name: gateway
            if name == DEFAULT or gateway.process is not None or gateway.state is GatewayState.SERVED
            else gateway._replace(state=GatewayState.SERVED, detail=detail, pid=pid)
            for name, gateway in gateways.items()
        }

    def decide(self, starting: Sequence[str]) -> Mapping[str, tuple[Mask, ...]]:
        """Return the masks of each profile to start. Nothing is written."""
        layout = self._world.layout
        values = managed_values(managed_folder(self._environment, layout), self._catalog)
        live = live_gateways(self._gateways)
        for name in {*starting, *live, *self._together}:
            self._held[name] = claimed_resources(layout.home(name), catalog=self._catalog, managed=values)
            self.warnings += self._held[name].problems
            if name in starting:
                self.warnings += self._faults(name, self._held[name])
        self._held |= self._of_processes([name for name in live if name not in starting and name not in self._together])
        restarted = self._of_processes([name for name in starting if name in live])
        idle = [name for name in starting if name not in live]
        addresses = {each for name in idle for each in ledger.ports_to_hear(self._held[name])}
        locks = live_locks(
            self._environment,
            layout.user_home,
            catalog=self._catalog,
            processes=self._world.processes,
            platform=layout.platform,
        )

        def evidence(name: str, channel: str) -> UsageEvidence:
            return self._evidence(self._holder(name, channel), channel, locks)

        self._note_left_out(starting, locks)
        holdings = dict(self._held)
        if self._together:
            holdings[self._together[0]] = of_one_process(self._together, self._connected(starting))
        masks = assign_channels(
            starting=list(starting),
            holdings=holdings,
            live=live,
            owners=self._owners,
            locks=locks,
            listening=ledger.listening_now(addresses),
            freed={claim.port for held in restarted.values() for claim in held.ports},
            masked={name: [mask.channel for mask in gateway.masks] for name, gateway in self._gateways.items()},
            evidence=evidence,
        )
        return {name: tuple(self._with_holder(name, mask) for mask in of) for name, of in masks.items()}

    def _faults(self, name: str, held: ClaimedResources) -> Iterator[Problem]:
        """Yield what the files of a profile set that its start does not survive."""
        yield from (redirect_problem(name, each) for each in held.redirects)
        layout, home = self._world.layout, self._world.layout.home(name)
        found = lock_obstacle(home, held, self._environment, layout.user_home, self._catalog)
        if found is not None:
            yield lock_problem(name, found)

    def _of_processes(self, running: Sequence[str]) -> dict[str, ClaimedResources]:
        """Return what running gateways started with: a token or a port that was edited since belongs to the process."""
        known = claims.read_ledger(self._world.layout) if running else {}
        found = {}
        for name in running:
            process = self._gateways[name].process
            if process is not None and has_overlay(self._world.layout, name, process):
                home = self._world.layout.home(name)
                found[name] = claims.held_by_process(self._held[name], known.get(name), home)
        return found

    def _with_holder(self, name: str, mask: Mask) -> Mask:
        """Return a mask whose owner is the profile that has the identity, where one process serves several."""
        if not self._together or mask.owner.profile != self._together[0] or name == mask.owner.profile:
            return mask
        wanted = {each.place for each in self._held[name].identities if each.channel == mask.channel}
        for holder in self._together:
            if any(each.place in wanted for each in self._held[holder].identities):
                return mask._replace(owner=mask.owner._replace(profile=holder))
        return mask

    def _connected(self, starting: Sequence[str]) -> Mapping[str, ClaimedResources]:
        """Return what the profiles of the running one gateway hold, without channels that Hermes has refused."""
        server = self._together[0]
        seen = self._gateways[server].observation
        if server in starting or seen is None or seen.runtime is None:
            return self._held
        refused: dict[str, list[str]] = {}
        for channel in seen.runtime.channels:
            profile, colon, name = channel.name.partition(":")
            if colon and channel.state == FATAL:
                refused.setdefault(profile, []).append(name)
        return {name: without(held, refused.get(name, ())) for name, held in self._held.items()}

    def _evidence(self, name: str, channel: str, locks: Sequence[LiveLock]) -> UsageEvidence:
        return evidence_of(
            self._world.layout,
            name,
            channel,
            held=self._held[name],
            gateway=self._gateways.get(name),
            locks=locks,
            catalog=self._catalog,
        )

    def _holder(self, name: str, channel: str) -> str:
        """Return the profile that has a channel in the process of a profile: itself, or one that it serves."""
        if not self._together or name != self._together[0]:
            return name
        return next((one for one in self._together if channel in self._held[one].channels), name)

    def _note_left_out(self, starting: Sequence[str], locks: Sequence[LiveLock]) -> None:
        """Warn of each channel that Hermes leaves out for a profile that it starts to serve."""
        is_whole = bool(self._together) and self._together[0] in starting
        found = left_out(self._together, self._held)
        self._left = tuple(each for each in found if is_whole or each.profile in self._joining)
        if self._rule is not ConflictRule.REFUSE:
            self.warnings += [self._left_out_problem(each, starting, locks) for each in self._left]

    def _left_out_problem(self, each: LeftOut, starting: Sequence[str], locks: Sequence[LiveLock]) -> Problem:
        """Return the warning, with the profile that a repair would leave the channel to."""
        rivals = (each.kept_by, each.profile)
        owner = min(
            rivals,
            key=lambda name: priority(
                self._evidence(name, each.channel, locks),
                named=self._owners.index(name) if name in self._owners else len(self._owners),
                position=self._existing.index(name),
            ),
        )
        more = f"; by its use it belongs to {owner}" if owner != each.kept_by else ""
        server = self._together[0]
        asked = multiplexing_asked(self._world.layout.home(DEFAULT), self._environment)
        if server in starting and asked is not True:
            more += f"; until `gateway.multiplex_profiles` is set, Hermes serves {server} alone instead"
        return Problem(
            "conflict",
            f"{each.sentence()}, and a mask holds for the whole process{more}",
            each.profile,
            f"let {owner} alone keep it with `hermes-profiles repair`",
        )

    def refusal_of_served(self, profile: str) -> str | None:
        """Return why `--on-conflict refuse` refuses to have a profile served, None where nothing is in the way."""
        if self._rule is not ConflictRule.REFUSE:
            return None
        return next((each.sentence() for each in self._left if each.profile == profile), None)

    def begin(self, starting: Sequence[str]) -> None:
        """Decide for all profiles to start, and record it: the pre-start step applies it."""
        found = self.decide(starting)
        if self._together:
            found = self._without_process_masks(found)
        elif DEFAULT in found:
            found, problems = without_shared_masks(self._world.layout, found, self._catalog, self._environment)
            self.warnings += problems
        self._masks = found
        if self._rule is ConflictRule.IGNORE:
            self.warnings += [_ignored(name, mask) for name, masks in found.items() for mask in masks]
            found = dict.fromkeys(found, ())
        if self._rule is ConflictRule.REFUSE:
            found = {name: masks for name, masks in found.items() if not masks}
        fresh = None if self._rule is ConflictRule.IGNORE else self._observed_again
        layout = self._world.layout
        final = ledger.save_decision(layout, found, self._held, now=time.time(), live=self._live, fresh=fresh)
        if fresh is not None:
            self._masks = {**self._masks, **final}

    def _observed_again(self, profiles: Sequence[str]) -> Mapping[str, LiveGateway]:
        return live_gateways(survey(self._world, profiles))

    def _without_process_masks(self, found: Mapping[str, tuple[Mask, ...]]) -> dict[str, tuple[Mask, ...]]:
        """Return masks without those of the one gateway that would take a channel from several profiles."""
        server = self._together[0]
        kept, refused = masks_of_process(found.get(server, ()), self._together, self._held)
        self.warnings += [
            Problem(
                "not-masked",
                f"{mask.sentence(f'of {loser} is not disabled')}; a mask would also disable it for {others}, "
                "in the same process: Hermes' own lock decides",
                loser,
                "let one profile keep it with `hermes-profiles repair`",
            )
            for mask, loser, others in refused
        ]
        return {**found, server: kept} if server in found else dict(found)

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        """Return the decisions for profiles that start now."""
        if self._masks is None:
            self.begin(profiles)
        return {name: self._prepared(name, (self._masks or {}).get(name, ())) for name in profiles}

    def _outvoted(self, profile: str) -> str | None:
        """Return why the masks of a profile would not count: a drop-in of the user sets another managed directory."""
        service = self._world.service(profile)
        if service is None or service.path.suffix != ".service":
            return None
        from hermes_profiles.services.systemd.user_drop_ins import read_user_drop_ins

        found = read_user_drop_ins(service.path, self._world.user_home).redirects
        path = next((each.path for each in found if each.name == HERMES_MANAGED_DIR), None)
        return f"take {HERMES_MANAGED_DIR} out of {path}, which replaces the masks" if path is not None else None

    def _prepared(self, profile: str, masks: tuple[Mask, ...]) -> StartDecision:
        left = self._left[0] if self._left and self._together and profile == self._together[0] else None
        if left is not None and self._rule is ConflictRule.REFUSE:
            return StartDecision(refusal=left.sentence())
        held = self._held.get(profile)
        if held is not None and HERMES_HOME in held.redirects:
            return StartDecision(refusal=redirect_problem(profile, HERMES_HOME).message)
        if not masks or self._rule is ConflictRule.IGNORE:
            return StartDecision()
        unmaskable = [mask for mask in masks if mask.channel in self._held[profile].unmaskable]
        if unmaskable:
            home = self._world.layout.home(profile)
            return StartDecision(
                refusal=(
                    f"{unmaskable[0].sentence('cannot be disabled for this run alone')}; it is in "
                    f"{home / LEGACY_CONFIG_FILE}, and Hermes masks config.yaml only: "
                    f"`touch {quote(str(home / CONFIG_FILE))}`"
                )
            )
        if self._rule is ConflictRule.REFUSE:
            return StartDecision(refusal="; ".join(mask.sentence("would be disabled") for mask in masks))
        if (outvoted := self._outvoted(profile)) is not None:
            return StartDecision(refusal=f"{masks[0].sentence('cannot be disabled')}; {outvoted}")
        return StartDecision(
            masked=tuple(mask.channel for mask in masks), remark="; ".join(mask.sentence() for mask in masks)
        )

    def end(self, not_started: Sequence[str]) -> None:
        """Remove the recorded decisions of starts that did not happen."""
        if not_started and self._masks is not None:
            ledger.drop_pending(self._world.layout, not_started)

    def _live(self, names: Sequence[str]) -> Mapping[str, LiveGateway]:
        return live_gateways({name: self._gateways[name] for name in names if name in self._gateways})


def has_service(gateway: Gateway) -> bool:
    """Return whether a service is installed for a gateway."""
    return gateway.service is not None and gateway.service.installed


def _is_standalone(gateway: Gateway) -> bool:
    return gateway.observation is not None and gateway.observation.standalone


def _is_parked(gateway: Gateway) -> bool:
    return gateway.observation is not None and gateway.observation.parked


def _ignored(profile: str, mask: Mask) -> Problem:
    return Problem(
        "conflict",
        f"{profile}: {mask.sentence('is not disabled')}",
        profile,
        f"mask it with `hermes-gateways restart {profile}`",
    )
