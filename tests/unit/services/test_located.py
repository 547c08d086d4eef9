"""The installed service of a home is found by the home it sets, whatever its name and its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hermes_services_text import hermes_services
from sample_specs import spec_of

from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.version import BASE, HermesFacts, facts_of
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.launchd.manager import LaunchdManager
from hermes_profiles.services.manager import Manager, ManagerKind
from hermes_profiles.services.naming import drop_in, service_name
from hermes_profiles.services.parse_definition import parse_definition
from hermes_profiles.services.spec import ServiceSpec
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.supervisor.render import render_program
from hermes_profiles.services.systemd.manager import SystemdManager
from hermes_profiles.services.systemd.render import render_unit

NEWEST = facts_of((0, 22, 2))
UNITS = ".config/systemd/user"


def _context(tmp_path: Path, root: str, facts: HermesFacts, **environment: str) -> SystemContext:
    """Return the context of a root below the home folder of a user."""
    home = tmp_path.resolve()
    layout = Layout(home / root, home, installed=lambda: facts)
    units = home / environment["XDG_CONFIG_HOME"] / "systemd/user" if environment else None
    given = {name: str(home / value) for name, value in environment.items()}
    manager = SystemdManager(home, given, os.getuid(), units=units)
    return SystemContext(layout, manager, environment=given)


def _write(context: SystemContext, name: str, home: str, folder: str = UNITS) -> Path:
    """Write the unit that Hermes 0.19.0 writes for a home, under any name."""
    user = context.layout.user_home
    path = user / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render_unit(spec_of(user / home, account_home=user)))
    return path


@pytest.mark.parametrize("facts", [BASE, NEWEST])
def test_unit_that_pins_the_custom_root_keeps_its_name(tmp_path: Path, facts: HermesFacts) -> None:
    for number, name in enumerate(("hermes-gateway.service", "hermes-gateway-5a595495.service")):
        context = _context(tmp_path / str(number), "data", facts)
        path = _write(context, name, "data")
        service = context.service("default")
        assert service is not None and service.path == path
        assert f"{service.name.unit}.service" == name


def test_custom_root_without_a_unit_gets_the_name_of_the_release(tmp_path: Path) -> None:
    home = tmp_path.resolve() / "data"
    hashed = service_name(home, tmp_path.resolve(), has_hashed_roots=True)
    assert _context(tmp_path, "data", NEWEST).service_name("default") == hashed
    assert _context(tmp_path, "data", BASE).service_name("default").unit == "hermes-gateway"
    for facts in (NEWEST, BASE):
        assert _context(tmp_path, ".hermes", facts).service_name("default").unit == "hermes-gateway"


def test_unit_of_another_home_is_not_taken(tmp_path: Path) -> None:
    context = _context(tmp_path, "data", NEWEST)
    _write(context, "hermes-gateway.service", ".hermes")
    _write(context, "hermes-gateway-coder.service", ".hermes/profiles/coder")
    own = service_name(tmp_path.resolve() / "data", tmp_path.resolve(), has_hashed_roots=True)
    assert context.service_name("default") == own
    # Hermes gives it this name in both roots.
    assert context.service_name("coder").unit == "hermes-gateway-coder"


def test_unit_under_another_name_is_taken_only_without_one_of_its_own(tmp_path: Path) -> None:
    context = _context(tmp_path, ".hermes", NEWEST)
    _write(context, "hermes-gateway-old.service", ".hermes/profiles/coder")
    _write(context, "hermes-gatewayx.service", ".hermes/profiles/nova")
    name = context.service_name("coder")
    assert (name.unit, name.argument) == ("hermes-gateway-old", "coder")
    assert context.service_name("nova").unit == "hermes-gateway-nova"
    _write(context, "hermes-gateway-coder.service", ".hermes/profiles/coder")
    assert context.service_name("coder").unit == "hermes-gateway-coder"


def test_changed_unit_is_read_again(tmp_path: Path) -> None:
    context = _context(tmp_path, "data", NEWEST)
    path = _write(context, "hermes-gateway.service", "data")
    assert context.service_name("default").unit == "hermes-gateway"
    path.write_bytes(path.read_bytes().replace(b"/data", b"/elsewhere"))
    assert context.service_name("default").unit != "hermes-gateway"


def test_unit_is_found_in_both_folders(tmp_path: Path) -> None:
    """A unit that an older release wrote stays where it is; a new one goes where the installed release looks."""
    context = _context(tmp_path, ".hermes", NEWEST, XDG_CONFIG_HOME="conf")
    old = _write(context, "hermes-gateway.service", ".hermes")
    new = _write(context, "hermes-gateway-coder.service", ".hermes/profiles/coder", "conf/systemd/user")
    paths = {name: service.path for name in ("default", "coder", "nova") if (service := context.service(name))}
    folder = tmp_path.resolve() / "conf/systemd/user"
    assert paths == {"default": old, "coder": new, "nova": folder / "hermes-gateway-nova.service"}
    spec = spec_of(tmp_path.resolve() / ".hermes", account_home=tmp_path.resolve())
    assert context.manager is not None
    assert [path for path, _, _ in context.manager.definitions(spec)] == [old, drop_in(old)]


@pytest.mark.parametrize("kind", ["launchd", "supervisor"])
def test_other_managers_find_the_service_by_its_home(tmp_path: Path, kind: str) -> None:
    user = tmp_path.resolve()
    layout = Layout(user / "data", user, installed=lambda: NEWEST)
    manager: Manager = LaunchdManager(user, {}, os.getuid())
    if kind == "supervisor":
        manager = SupervisorManager(layout.state, {}, os.getuid())
    context = SystemContext(layout, manager)
    bare = service_name(user / "data", user)
    spec: ServiceSpec = spec_of(user / "data", account_home=user)
    ((path, content, _),) = manager.definitions(spec._replace(name=bare))
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert context.service_name("default") == bare
    path.unlink()
    assert context.service_name("default") != bare


def test_agents_of_every_release_are_found(tmp_path: Path) -> None:
    """The homes in these files do not exist here, so only their text counts."""
    for number, agent in enumerate(each for each in hermes_services("plist") if each.case == "custom"):
        user = tmp_path / str(number)
        folder = user / "Library/LaunchAgents"
        folder.mkdir(parents=True)
        (folder / "ai.hermes.gateway-other.plist").write_text(agent.text)
        layout = Layout(agent.home, Path("/home/ada"), "darwin", installed=lambda: NEWEST)
        context = SystemContext(layout, LaunchdManager(user, {}, os.getuid()))
        assert context.service_name("default").label == "ai.hermes.gateway-other"


@pytest.mark.parametrize("name", ["plain", "a b", "it's", 'a"b', "q\"uo'te", "50%", "a,b", "a;b", "c:d", "ü 日本"])
def test_program_of_supervisord_sets_its_home_whatever_the_path(name: str, tmp_path: Path) -> None:
    """A value with a quote is set by the shell of the command: `environment=` cannot hold it."""
    home = Path("/home") / name / ".hermes"
    parsed = parse_definition(ManagerKind.SUPERVISOR, render_program(spec_of(home, account_home=Path("/home") / name)))
    assert (parsed.home, parsed.directory) == (str(home), str(home))
