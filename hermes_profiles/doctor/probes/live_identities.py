"""What is seen of what profiles contend for: locks, ports, environments of live gateways, logins, links."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from hermes_profiles.conflicts.overlay import managed_files, managed_folder
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.identities import HeldLock, Link, Listener, ManagedLayer, RivalFacts
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.processes import Process, home_of
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    ENV_FILE,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    PLATFORM_PAIRING_FOLDER,
    ROOT_FOLDER,
    WEIXIN_ACCOUNTS_FOLDER,
    WHATSAPP_SESSION_FOLDER,
)
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.tree_walk import EntryKind

from .listening_ports import listeners_on
from .single_use_logins import read_grants

# What of a home must be the profile's own: sessions of channels, who may talk to it, and the files with identities.
OWN = (
    ENV_FILE,
    OP_ENV_FILE,
    LEGACY_CONFIG_FILE,
    AUTH_FILE,
    "whatsapp",
    WHATSAPP_SESSION_FOLDER,
    "weixin",
    WEIXIN_ACCOUNTS_FOLDER,
    "matrix",
    "pairing",
    "platforms",
    "platforms/whatsapp",
    "platforms/weixin",
    "platforms/matrix",
    PLATFORM_PAIRING_FOLDER,
)


def look_at_rivals(
    around: DoctorContext, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None
) -> RivalFacts:
    """Return what was seen; what cannot be read is left out."""
    look = _LiveIdentityReader(around, profiles)
    return RivalFacts(
        tuple(look.locks()),
        look.listeners(),
        read_grants(around.layout, around.environment, profiles, around.catalog),
        tuple(look.links()),
        {profile.name: found for profile in profiles.values() if (found := look.inherited(profile))},
        _managed_layer(around),
        look.homes,
    )


class _LiveIdentityReader:
    """One look; what several questions need is found once."""

    def __init__(self, around: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> None:
        self._around = around
        self._profiles = profiles
        self._gateways = {profile.pid: name for name, profile in profiles.items() if profile.pid is not None}

    @cached_property
    def homes(self) -> dict[str, str]:
        """Return profile → where its home is; below a root without links that is where it seems to be."""
        layout = self._around.layout
        root, folder = os.path.realpath(layout.root), os.path.realpath(layout.profiles)
        found = {}
        for name, profile in self._profiles.items():
            home = os.fspath(profile.home)
            if profile.home == layout.root:
                found[name] = root
            else:
                found[name] = os.path.realpath(home) if os.path.islink(home) else os.path.join(folder, name)
        return found

    def owner(self, process: Process | None) -> tuple[str | None, str | None]:
        """Return (profile, home) of a gateway that no pid file of this root names: the profile is None for one of
        another root, "" for one of this root that does not say whose it is; the home is None when it cannot be seen."""
        if process is None or process.variables is None:
            return None, None
        told = home_of(process, user_home=self._around.user_home)
        if told is None:  # without `-p` the sticky profile of that moment decided; the root is told all the same
            given = process.variables.get(HERMES_HOME, "").strip()
            own = process.variables.get("HOME", "").strip() or os.fspath(self._around.user_home)
            told = Path(given or os.path.join(own, ROOT_FOLDER))
            if os.path.realpath(told) == os.path.realpath(self._around.layout.root):
                return "", None
        real = os.path.realpath(told)
        return next((name for name, home in self.homes.items() if home == real), None), os.fspath(told)

    def locks(self) -> Iterator[HeldLock]:
        """Yield the locks of live gateways on identities."""
        around = self._around
        if not any(profile.held.identities for profile in self._profiles.values()):
            return
        processes = around.world.processes
        try:
            found = live_locks(
                around.environment,
                around.user_home,
                catalog=around.catalog,
                processes=processes,
                platform=around.layout.platform,
            )
        except OSError:  # a folder that may not be read
            return
        for lock in found:
            profile, home = self._gateways.get(lock.pid), None
            if profile is None:
                profile, home = self.owner(processes.look(lock.pid))
            if profile != "":
                yield HeldLock(lock.channel, lock.digest, lock.pid, profile, home)

    def listeners(self) -> tuple[Listener, ...]:
        """Return who listens on ports that profiles ask for."""
        ports = {claim.port for profile in self._profiles.values() for claim in profile.held.ports}
        if not ports:
            return ()
        processes = self._around.world.processes
        found = listeners_on(
            ports,
            self._gateways,
            lambda pid: self._gateway_of(processes.look(pid)),
            platform=self._around.layout.platform,
        )
        return tuple(each for each in found if each.profile != "")

    def _gateway_of(self, process: Process | None) -> str | None:
        return self.owner(process)[0] if process is not None and process.is_gateway else None

    def inherited(self, profile: ProfileFacts) -> Mapping[str, Secret[str]]:
        """Return the variables of the catalogue that a live gateway was started with."""
        if profile.pid is None:
            return {}
        return _environment(profile.pid, self._around.catalog, self._around.layout.platform)

    def links(self) -> Iterator[Link]:
        """Yield the links that stand in place of what must be a profile's own."""
        for profile in self._profiles.values():
            for name in OWN:
                fact = profile.listing.get(name)
                if fact is not None and fact.kind is EntryKind.LINK:
                    yield Link(profile.name, name, os.path.realpath(fact.path))


def _environment(pid: int, catalog: Catalog, platform: str) -> dict[str, Secret[str]]:
    pairs: Iterator[tuple[str, str]]
    if platform == "linux":
        try:
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
                raw = file.read()
        except OSError:
            return {}
        split = (item.partition("=") for item in os.fsdecode(raw).split("\0"))
        pairs = ((name, value) for name, _, value in split)
    else:
        import psutil

        try:
            pairs = iter(psutil.Process(pid).environ().items())
        except (psutil.Error, OSError):
            return {}
    return {name: Secret(value) for name, value in pairs if name in catalog.known_names}


def _managed_layer(around: DoctorContext) -> ManagedLayer | None:
    folder = managed_folder(around.environment, around.layout)
    if folder is None:
        return None
    try:
        env, config = managed_files(folder)
    except HermesProfilesError:  # told where the managed folder is looked at
        return None
    return ManagedLayer(folder, Secret(env or b""), Secret(config or b""))
