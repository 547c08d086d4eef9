"""Reads the services of a root: definition files, status from managers, drift and missing programs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping

from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.services import USER, Definition, MissingProgram, ServiceFacts, ServiceFiles
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.gateways.host.topology import configured
from hermes_profiles.gateways.observe import own_status
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.services.drift import Drift, compare
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind, ServiceStatus
from hermes_profiles.services.parse_definition import with_programs_of
from hermes_profiles.services.spec import ServiceSpec

from .service_files import can_be_queried, service_of, with_status

# Hermes 0.19.0 (tools/mcp_tool.py, `_resolve_stdio_command`) looks for these in more places than PATH.
_NODE = ("node", "npm", "npx")


def probe_services(
    context: DoctorContext,
    profiles: Mapping[str, ProfileFacts],
    inventory: Inventory | None,
    files: ServiceFiles,
    names: Collection[str],
) -> ServiceFacts:
    """Return the facts of all services of a root; drift and missing programs of these profiles alone.

    `names`: all profiles of the root.
    """
    if not context.managers:
        return ServiceFacts()
    due = context.managers[0]
    definitions = tuple(_with_statuses(context, files.definitions, inventory, names))
    by_profile: dict[str, tuple[Definition, ...]] = {}
    for definition in definitions:
        if definition.profile is not None:
            by_profile[definition.profile] = (*by_profile.get(definition.profile, ()), definition)
    facts = ServiceFacts(
        due.kind,
        definitions,
        files.leftovers,
        files.blockers,
        files.clashes,
        serves=_served(inventory),
        by_profile=by_profile,
    )
    default = profiles.get(DEFAULT)
    if default is not None:
        environment = {**context.environment, **default.environment}
        facts = facts._replace(multiplexing=configured(default.config, environment))
    if not definitions:
        return facts
    manager = context.system.manager
    facts = facts._replace(
        unreachable=tuple(dict.fromkeys(context.unreachable)),
        linger=manager.linger() if manager is not None else None,
    )
    drifts: dict[str, Drift] = {}
    needs: dict[str, tuple[MissingProgram, ...]] = {}
    for definition in definitions:
        profile = profiles.get(definition.profile or "")
        if profile is None or not facts.is_main(definition):
            continue
        spec = _spec_of(context, profile.name)
        drift = _drift(context.system.manager or due, definition, spec) if spec is not None else None
        if drift is not None:
            drifts[profile.name] = drift
        missing = tuple(_missing_programs(context, profile, definition, spec.program.path if spec is not None else ()))
        if missing:
            needs[profile.name] = missing
    return facts._replace(drifts=drifts, needs=needs)


def _with_statuses(
    context: DoctorContext, definitions: Iterable[Definition], inventory: Inventory | None, names: Collection[str]
) -> Iterator[Definition]:
    """Yield definitions with their status: those of fleet commands first, then the rest.

    Managers are queried only for services missing in the fleet status.
    """
    due = context.managers[0]
    gateways = inventory.gateways if inventory is not None else {}
    wanted: dict[ManagerKind, list[Definition]] = {}
    first: list[Definition] = []
    rest: list[Definition] = []
    for definition in definitions:
        gateway = gateways.get(definition.profile or "")
        is_main = definition.manager is due.kind and definition.scope == USER and definition.is_own_name
        if gateway is not None and is_main:
            service = gateway.service
            first.append(with_status(definition, {definition.unit: service} if service is not None else {}))
            continue
        (first if is_main and definition.profile in names else rest).append(definition)
        if can_be_queried(definition):
            wanted.setdefault(definition.manager, []).append(definition)
    # After a failed fleet status the managers are not queried: a second timeout would lose the facts from files.
    statuses = {kind: _query(context, kind, group) for kind, group in wanted.items()} if inventory is not None else {}
    for definition in first:
        status = statuses.get(definition.manager, {}).get(definition.unit)
        own = own_status(context.system, definition.profile or "", status) if definition.status is None else None
        yield definition if own is None else with_status(definition, {definition.unit: own})
    yield from (with_status(definition, statuses.get(definition.manager, {})) for definition in rest)


def _query(context: DoctorContext, kind: ManagerKind, wanted: list[Definition]) -> Mapping[str, ServiceStatus]:
    manager = _reachable(context, kind)
    try:
        return manager.query([service_of(definition) for definition in wanted]) if manager is not None else {}
    except ManagerError:
        return {}


def _reachable(context: DoctorContext, kind: ManagerKind) -> Manager | None:
    """Return the manager of a kind, None when it cannot be queried."""
    if kind is context.managers[0].kind:
        return context.system.manager
    manager = next(candidate for candidate in context.managers if candidate.kind is kind)
    try:
        manager.check()
    except ManagerError:
        return None
    return manager


def _spec_of(context: DoctorContext, profile: str) -> ServiceSpec | None:
    try:
        return context.spec_of(profile)
    except (HermesProfilesError, OSError):  # Hermes is missing, or a file is broken, which other checks report
        return None


def _drift(manager: Manager, definition: Definition, spec: ServiceSpec) -> Drift | None:
    wanted = with_programs_of(spec, definition.parsed, works=definition.works.get)
    try:
        manager.version()  # the content of the files depends on it
        files = manager.definitions(wanted)
    except HermesProfilesError:
        return None
    installed = {path: definition.contents[path] for path, _, _ in files if path in definition.contents}
    return compare(manager.kind, installed, files, wanted)


def _served(inventory: Inventory | None) -> tuple[str, ...] | None:
    """Return the profiles that the live default gateway serves; its state file can outlive it."""
    gateway = inventory.gateways.get(DEFAULT) if inventory is not None else None
    if gateway is None or gateway.process is None or gateway.observation is None:
        return None
    state = gateway.observation.runtime
    return state.served if state is not None and state.pid == gateway.process.pid else ()


def _missing_programs(
    context: DoctorContext, profile: ProfileFacts, definition: Definition, written: tuple[str, ...]
) -> Iterator[MissingProgram]:
    """Yield programs that the configuration names and the shell finds, but the service does not find."""
    if not definition.parsed.path:
        return
    for tool, at in _tools(profile):
        if "/" in tool or _which(tool, _service_path(context, profile, definition, tool)) is not None:
            continue
        place = _which(tool, context.environment.get("PATH", "").split(":"))
        if place is not None:
            yield MissingProgram(tool, place, at, fixed_by_reinstall=_which(tool, written) is not None)


def _service_path(context: DoctorContext, profile: ProfileFacts, definition: Definition, tool: str) -> tuple[str, ...]:
    extra = (f"{profile.home}/node/bin", f"{context.user_home}/.local/bin", "/usr/local/bin") if tool in _NODE else ()
    return (*definition.parsed.path, *extra)


def _tools(profile: ProfileFacts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (program, key path) of the programs a gateway starts: MCP servers, terminal backend."""
    raw = profile.files.raw(CONFIG_FILE) or b""
    if b"mcp_servers" not in raw and b"docker" not in raw:
        return
    servers = profile.config.get("mcp_servers")
    for name, server in servers.items() if isinstance(servers, Mapping) else ():
        if not isinstance(server, Mapping) or not is_truthy(server.get("enabled", True)):
            continue
        command, variables = server.get("command"), server.get("env")
        has_path = isinstance(variables, Mapping) and "PATH" in variables
        if isinstance(command, str) and command.strip() and isinstance(name, str) and not has_path:
            yield os.path.expanduser(command.strip()), ("mcp_servers", name, "command")
    terminal = profile.config.get("terminal")
    if isinstance(terminal, Mapping) and terminal.get("backend") == "docker":
        yield "docker", ("terminal", "backend")


def _which(tool: str, folders: Iterable[str]) -> str | None:
    for folder in folders:
        path = f"{folder}/{tool}"
        if folder.startswith("/") and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None
