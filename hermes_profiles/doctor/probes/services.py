"""What is seen of services: their files under every manager, what managers say, what they lack."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.services import USER, Definition, Need, ServiceFacts
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.gateways.topology import configured
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.services.drift import Drift, compare
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind, ServiceStatus
from hermes_profiles.services.parse_definition import with_programs_of
from hermes_profiles.services.spec import ServiceSpec

from .service_files import Search, can_be_asked, service_of, with_status

# Hermes 0.19.0 (tools/mcp_tool.py, `_resolve_stdio_command`) looks for these in more places than PATH.
_NODE = ("node", "npm", "npx")


def look_at_services(
    around: DoctorContext, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None
) -> ServiceFacts:
    """Return what was seen."""
    if not around.managers:
        return ServiceFacts()
    due = around.managers[0]
    found = Search(around, tuple(profiles)).run()
    definitions = tuple(_with_statuses(around, found.definitions, inventory))
    by_profile: dict[str, tuple[Definition, ...]] = {}
    for each in definitions:
        if each.profile is not None:
            by_profile[each.profile] = (*by_profile.get(each.profile, ()), each)
    seen = ServiceFacts(
        due.kind,
        definitions,
        found.leftovers,
        found.blockers,
        found.clashes,
        serves=_served(inventory),
        by_profile=by_profile,
    )
    default = profiles.get(DEFAULT)
    if default is not None:
        environment = {**around.environment, **default.environment}
        seen = seen._replace(multiplexing=configured(default.config, environment))
    if not definitions:
        return seen
    manager = around.world.manager
    seen = seen._replace(
        unreachable=tuple(dict.fromkeys(around.unreachable)), linger=manager.linger() if manager is not None else None
    )
    drifts: dict[str, Drift] = {}
    needs: dict[str, tuple[Need, ...]] = {}
    for each in definitions:
        profile = profiles.get(each.profile or "")
        if profile is None or not seen.is_main(each):
            continue
        spec = _spec_of(around, profile.name)
        drift = _drift(around.world.manager or due, each, spec) if spec is not None else None
        if drift is not None:
            drifts[profile.name] = drift
        lacking = tuple(_needs(around, profile, each, spec.program.path if spec is not None else ()))
        if lacking:
            needs[profile.name] = lacking
    return seen._replace(drifts=drifts, needs=needs)


def _with_statuses(
    around: DoctorContext, definitions: Iterable[Definition], inventory: Inventory | None
) -> Iterator[Definition]:
    """Yield definitions with what managers say. Of profiles, the fleet's answer is there already; nobody else is
    asked unless there is something else to ask about."""
    due = around.managers[0]
    gateways = inventory.gateways if inventory is not None else {}
    wanted: dict[ManagerKind, list[Definition]] = {}
    rest = []
    for each in definitions:
        gateway = gateways.get(each.profile or "")
        is_known = each.manager is due.kind and each.scope == USER and each.is_own_name
        if gateway is not None and is_known:
            yield with_status(each, {each.unit: gateway.service} if gateway.service is not None else {})
            continue
        rest.append(each)
        if can_be_asked(each):
            wanted.setdefault(each.manager, []).append(each)
    # A manager that gave no answer about the fleet is not waited for once more: what files tell would be lost.
    answers = {kind: _ask(around, kind, each) for kind, each in wanted.items()} if inventory is not None else {}
    yield from (with_status(each, answers.get(each.manager, {})) for each in rest)


def _ask(around: DoctorContext, kind: ManagerKind, wanted: list[Definition]) -> Mapping[str, ServiceStatus]:
    manager = _reachable(around, kind)
    try:
        return manager.query([service_of(each) for each in wanted]) if manager is not None else {}
    except ManagerError:
        return {}


def _reachable(around: DoctorContext, kind: ManagerKind) -> Manager | None:
    """Return the manager of a kind if it can be asked."""
    if kind is around.managers[0].kind:
        return around.world.manager
    manager = next(each for each in around.managers if each.kind is kind)
    try:
        manager.check()
    except ManagerError:
        return None
    return manager


def _spec_of(around: DoctorContext, profile: str) -> ServiceSpec | None:
    try:
        return around.spec_of(profile)
    except (HermesProfilesError, OSError):  # no Hermes, or files that other checks tell of
        return None


def _drift(manager: Manager, found: Definition, spec: ServiceSpec) -> Drift | None:
    wanted = with_programs_of(spec, found.said, works=found.works.get)
    try:
        manager.version()  # what would be written depends on it
        files = manager.definitions(wanted)
    except HermesProfilesError:
        return None
    installed = {path: found.contents[path] for path, _, _ in files if path in found.contents}
    return compare(manager.kind, installed, files, wanted)


def _served(inventory: Inventory | None) -> tuple[str, ...] | None:
    """Return the profiles that the live default gateway says it serves; the list outlives the gateway."""
    gateway = inventory.gateways.get(DEFAULT) if inventory is not None else None
    if gateway is None or gateway.process is None or gateway.seen is None:
        return None
    told = gateway.seen.runtime
    return told.served if told is not None and told.pid == gateway.process.pid else ()


def _needs(around: DoctorContext, profile: ProfileFacts, found: Definition, written: tuple[str, ...]) -> Iterator[Need]:
    """Yield programs that the configuration names, that the user's shell finds and the service does not."""
    if not found.said.path:
        return
    for tool, at in _tools(profile):
        if "/" in tool or _which(tool, _service_path(around, profile, found, tool)) is not None:
            continue
        place = _which(tool, around.environment.get("PATH", "").split(":"))
        if place is not None:
            yield Need(tool, place, at, cured=_which(tool, written) is not None)


def _service_path(around: DoctorContext, profile: ProfileFacts, found: Definition, tool: str) -> tuple[str, ...]:
    extra = (f"{profile.home}/node/bin", f"{around.user_home}/.local/bin", "/usr/local/bin") if tool in _NODE else ()
    return (*found.said.path, *extra)


def _tools(profile: ProfileFacts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (program, where it is named) that the gateway will start: of MCP servers, and of the terminal."""
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
