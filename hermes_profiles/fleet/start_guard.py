"""Decides the masks before a start, once for all gateways to start, and records them for the services."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum

from hermes_profiles.conflicts import ledger
from hermes_profiles.conflicts.decide import assign_channels
from hermes_profiles.conflicts.multiplex_masks import without_shared_masks
from hermes_profiles.conflicts.overlay import managed_folder, managed_values, masks_in_force
from hermes_profiles.conflicts.ownership import UsageEvidence
from hermes_profiles.conflicts.usage_evidence import evidence_of
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Gateway, GatewayState, LiveGateway
from hermes_profiles.gateways.observe import ObservationHints, SystemContext, live_gateways, survey
from hermes_profiles.gateways.topology import multiplexing_asked
from hermes_profiles.hermes.files import CONFIG_FILE, LEGACY_CONFIG_FILE
from hermes_profiles.model.errors import NotFound, Problem
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources

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
        self.warnings: list[Problem] = []

    def observe(self, profiles: Sequence[str]) -> dict[str, Gateway]:
        """Return the gateways of these profiles; the others of the root are observed for conflicts."""
        layout = self._world.layout
        known = ObservationHints(masks=lambda name, process: masks_in_force(layout, name, process))
        self._gateways = survey(self._world, self._existing, known)
        return {name: self._gateways[name] for name in profiles}

    def with_topology(self, gateways: Mapping[str, Gateway]) -> dict[str, Gateway]:
        """Return the gateways; those that Hermes would refuse get the state `served`.

        Hermes' guard reads the multiplexing setting of a running default gateway, not the profiles that it serves
        (SERVICES.md 6), and a service would retry forever. A default gateway that starts with them counts as running.
        """
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
        for name in {*starting, *live}:
            self._held[name] = claimed_resources(layout.home(name), catalog=self._catalog, managed=values)
            self.warnings += self._held[name].problems
        idle = [name for name in starting if name not in live]
        ports = {port for name in idle for port in ledger.ports_to_hear(self._held[name])}
        locks = live_locks(
            self._environment,
            layout.user_home,
            catalog=self._catalog,
            processes=self._world.processes,
            platform=layout.platform,
        )

        def evidence(name: str, channel: str) -> UsageEvidence:
            return evidence_of(
                layout,
                name,
                channel,
                held=self._held[name],
                gateway=self._gateways.get(name),
                locks=locks,
                catalog=self._catalog,
            )

        return assign_channels(
            starting=list(starting),
            holdings=self._held,
            live=live,
            owners=self._owners,
            locks=locks,
            listening=ledger.listening_now(ports),
            masked={name: [mask.channel for mask in gateway.masks] for name, gateway in self._gateways.items()},
            evidence=evidence,
        )

    def begin(self, starting: Sequence[str]) -> None:
        """Decide for all profiles to start, and record it: the pre-start step applies it."""
        found = self.decide(starting)
        if DEFAULT in found:
            found, problems = without_shared_masks(self._world.layout, found, self._catalog, self._environment)
            self.warnings += problems
        self._masks = found
        if self._rule is ConflictRule.IGNORE:
            self.warnings += [_ignored(name, mask) for name, masks in found.items() for mask in masks]
            found = dict.fromkeys(found, ())
        if self._rule is ConflictRule.REFUSE:
            found = {name: masks for name, masks in found.items() if not masks}
        ledger.save_decision(self._world.layout, found, self._held, now=time.time(), live=self._live)

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        """Return the decisions for profiles that start now."""
        if self._masks is None:
            self.begin(profiles)
        return {name: self._prepared(name, (self._masks or {}).get(name, ())) for name in profiles}

    def _prepared(self, profile: str, masks: tuple[Mask, ...]) -> StartDecision:
        if not masks or self._rule is ConflictRule.IGNORE:
            return StartDecision()
        unmaskable = [mask for mask in masks if mask.channel in self._held[profile].unmaskable]
        if unmaskable:
            home = self._world.layout.home(profile)
            return StartDecision(
                refusal=(
                    f"{unmaskable[0].sentence('cannot be disabled for this run alone')}; it is in "
                    f"{home / LEGACY_CONFIG_FILE}, and Hermes masks config.yaml only: `touch {home / CONFIG_FILE}`"
                )
            )
        if self._rule is ConflictRule.REFUSE:
            return StartDecision(refusal="; ".join(mask.sentence("would be disabled") for mask in masks))
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


def _ignored(profile: str, mask: Mask) -> Problem:
    return Problem(
        "conflict",
        f"{profile}: {mask.sentence('is not disabled')}",
        profile,
        f"mask it with `hermes-gateways restart {profile}`",
    )
