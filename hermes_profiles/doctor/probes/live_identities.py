"""Reads resources that profiles can conflict about: locks, ports, environments, logins and links."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.identities import HeldLock, IdentityFacts, Listener, ManagedLayer, StateLink
from hermes_profiles.doctor.facts.profile import ProfileFacts
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
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.managed_folder import managed_files, managed_folder
from hermes_profiles.profiles.tree_walk import EntryKind

from .listening_ports import listeners_on
from .single_use_logins import read_single_use_logins

# Files and folders that must be private to a profile: channel sessions, pairing approvals and identities.
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


def probe_identities(
    context: DoctorContext, profiles: Mapping[str, ProfileFacts], names: Iterable[str]
) -> IdentityFacts:
    """Return locks, listeners, logins and links of these profiles. Unreadable sources are left out.

    `names`: all profiles of the root, whose homes are needed.
    """
    reader = _LiveIdentityReader(context, profiles, resolved_homes(context.layout, names))
    return IdentityFacts(
        tuple(reader.locks()),
        reader.listeners(),
        read_single_use_logins(context.layout, context.environment, profiles, context.catalog),
        tuple(reader.links()),
        {profile.name: found for profile in profiles.values() if (found := reader.inherited(profile))},
        _managed_layer(context),
        reader.homes,
    )


def resolved_homes(layout: Layout, names: Iterable[str]) -> dict[str, str]:
    """Return profile → resolved home."""
    root, folder = os.path.realpath(layout.root), os.path.realpath(layout.profiles)
    profiles, resolved = os.fspath(layout.profiles), {}
    for name in names:
        home = f"{profiles}/{name}"
        if name == DEFAULT:
            resolved[name] = root
        else:
            resolved[name] = os.path.realpath(home) if os.path.islink(home) else f"{folder}/{name}"
    return resolved


class _LiveIdentityReader:
    """Reads live identities; values that several methods need are computed once."""

    def __init__(self, context: DoctorContext, profiles: Mapping[str, ProfileFacts], homes: Mapping[str, str]) -> None:
        self._context = context
        self._profiles = profiles
        self.homes = homes
        self._gateways = {profile.pid: name for name, profile in profiles.items() if profile.pid is not None}

    def owner(self, process: Process | None) -> tuple[str | None, str | None]:
        """Return (profile, home) of a gateway without a pid file in this root.

        An unknown profile of this root is "". A gateway of another root has the profile None. An unreadable home
        becomes None.
        """
        if process is None or process.variables is None:
            return None, None
        home = home_of(process, user_home=self._context.user_home)
        if home is None:  # without `-p`, the sticky profile at its start decided; only the root is known
            given = process.variables.get(HERMES_HOME, "").strip()
            own = process.variables.get("HOME", "").strip() or os.fspath(self._context.user_home)
            home = Path(given or os.path.join(own, ROOT_FOLDER))
            if os.path.realpath(home) == os.path.realpath(self._context.layout.root):
                return "", None
        real = os.path.realpath(home)
        return next((name for name, path in self.homes.items() if path == real), None), os.fspath(home)

    def locks(self) -> Iterator[HeldLock]:
        """Yield the identity locks of live gateways."""
        context = self._context
        if not any(profile.held.identities for profile in self._profiles.values()):
            return
        processes = context.system.processes
        try:
            found = live_locks(
                context.environment,
                context.user_home,
                catalog=context.catalog,
                processes=processes,
                platform=context.layout.platform,
            )
        except OSError:  # no permission to read the folder
            return
        for lock in found:
            profile, home = self._gateways.get(lock.pid), None
            if profile is None:
                profile, home = self.owner(processes.find(lock.pid))
            if profile != "":
                yield HeldLock(lock.channel, lock.digest, lock.pid, profile, home)

    def listeners(self) -> tuple[Listener, ...]:
        """Return the listeners on ports that profiles claim."""
        ports = {claim.port for profile in self._profiles.values() for claim in profile.held.ports}
        if not ports:
            return ()
        processes = self._context.system.processes
        found = listeners_on(
            ports,
            self._gateways,
            lambda pid: self._gateway_of(processes.find(pid)),
            platform=self._context.layout.platform,
        )
        return tuple(listener for listener in found if listener.profile != "")

    def _gateway_of(self, process: Process | None) -> str | None:
        return self.owner(process)[0] if process is not None and process.is_gateway else None

    def inherited(self, profile: ProfileFacts) -> Mapping[str, Secret[str]]:
        """Return the known variables that a live gateway was started with."""
        if profile.pid is None:
            return {}
        return _environment(profile.pid, self._context.catalog, self._context.layout.platform)

    def links(self) -> Iterator[StateLink]:
        """Yield links in place of files and folders that must be private to a profile."""
        for profile in self._profiles.values():
            for name in OWN:
                fact = profile.listing.get(name)
                if fact is not None and fact.kind is EntryKind.LINK:
                    yield StateLink(profile.name, name, os.path.realpath(fact.path))


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


def _managed_layer(context: DoctorContext) -> ManagedLayer | None:
    folder = managed_folder(context.environment, context.layout)
    if folder is None:
        return None
    try:
        env, config = managed_files(folder)
    except HermesProfilesError:  # reported by the probe of the managed folder
        return None
    return ManagedLayer(folder, Secret(env or b""), Secret(config or b""))
