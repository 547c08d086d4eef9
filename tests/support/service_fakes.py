"""A fake systemd that runs nothing and a fake Hermes installation, for tests of the doctor.

The fake systemctl prints what systemd 252 prints. It reads the unit files of its user and finds enabled
units by their links, like the real one. `Systemd.set_properties` sets the other properties of a unit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from command_runner import Done
from doctor_root import NAMES, DoctorRoot

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.doctor.collect import FactCollector
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Finding
from hermes_profiles.doctor.registry import CHECKS
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.model.errors import NotFound, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.manager import Manager
from hermes_profiles.services.spec import ServiceSpec

SYSTEMCTL = r"""#!{python} -IS
import json, os, re, sys

here = os.path.dirname(os.path.abspath(__file__))
units = open(os.path.join(here, "units")).read()
state = json.load(open(os.path.join(here, "properties.json")))
words = sys.argv[1:]
with open(os.path.join(here, "calls"), "a") as file:
    file.write(json.dumps(words) + "\n")
if words == ["--version"]:
    print("systemd 252 (252.38-1~deb12u1)")
    sys.exit()
assert words[:2] == ["--user", "--no-ask-password"], words
verb, names = words[2], words[words.index("--") + 1:] if "--" in words else []
if verb in state.get("fails", {{}}):
    sys.stderr.write(state["fails"][verb] + "\n")
    sys.exit(1)
path = lambda name: os.path.join(units, name)
link = lambda name: os.path.join(units, "default.target.wants", name)

def text(name):
    parts = [path(name)]
    folder = path(name) + ".d"
    parts += [os.path.join(folder, each) for each in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    parts = [each for each in parts if os.path.isfile(each) and os.path.getsize(each) < 10**6]
    return "\n".join(open(each, errors="replace").read() for each in parts)

def show(name):
    is_there = os.path.exists(path(name))
    homes = re.findall(r'^Environment="?(HERMES_HOME=.*?)"?$', text(name), re.M) if is_there else []
    found = dict(
        Id=name, Names=name, LoadState="loaded" if is_there else "not-found",
        ActiveState="active" if is_there else "inactive", SubState="running" if is_there else "dead",
        Result="success", MainPID="0", ExecMainCode="0", ExecMainStatus="0", NRestarts="0",
        UnitFileState="enabled" if os.path.lexists(link(name)) else "disabled", NeedDaemonReload="no",
        Environment='"%s"' % homes[-1] if homes and " " in homes[-1] else "".join(homes[-1:]),
        Job="", StateChangeTimestamp="",
    )
    found.update(state["units"].get(name, {{}}))
    print("\n".join("%s=%s" % pair for pair in found.items()), end="\n\n")

for name in names:
    properties = state["units"].setdefault(name, {{}})
    if verb == "show":
        show(name)
    elif verb == "stop":
        properties.update(ActiveState="inactive", SubState="dead", NRestarts="0")
    elif verb == "start":
        properties.update(ActiveState="active", SubState="running", Result="success")
    elif verb == "enable":
        os.makedirs(os.path.dirname(link(name)), exist_ok=True)
        if not os.path.lexists(link(name)):
            os.symlink(path(name), link(name))
    elif verb == "disable" and os.path.lexists(link(name)):
        os.unlink(link(name))
if verb in ("daemon-reload", "enable", "disable"):
    for properties in state["units"].values():
        properties.pop("NeedDaemonReload", None)
if verb != "show":
    json.dump(state, open(os.path.join(here, "properties.json"), "w"))
"""


class Systemd:
    """The fake systemd of a user and its Hermes; `services`: profiles that get a service at the start."""

    def __init__(self, world: DoctorRoot, *services: str) -> None:
        self.world = world
        self.units = world.user / ".config/systemd/user"
        self.folder = world.user / "tmp" / "programs"
        self.folder.mkdir()
        (self.folder / "units").write_text(str(self.units))
        (self.folder / "properties.json").write_text(json.dumps({"units": {}}))
        self.program(self.folder / "systemctl", SYSTEMCTL.format(python=sys.executable))
        self.python = self.hermes("hermes")
        self.bus = Path(world.runner.environment["XDG_RUNTIME_DIR"]) / "systemd/private"
        self.bus.parent.mkdir(parents=True)
        self.bus.touch()
        world.environment |= {
            "HERMES_PROFILES_MANAGER": "systemd",
            "PATH": f"{self.folder}:{self.python.parent}:{world.runner.environment['PATH']}",
        }
        if services:
            self.install(*services)

    def hermes(self, name: str) -> Path:
        """Create a Hermes below the home of the user and return its Python."""
        python = self.world.user / name / "venv/bin/python"
        python.parent.mkdir(parents=True)
        self.program(python, "#!/bin/sh\necho /\n")  # it imports Hermes
        (python.parent.parent / "pyvenv.cfg").write_text("home = /usr/bin\n")
        self.program(python.parent / "hermes", f"#!{python}\n")
        return python

    def program(self, path: Path, text: str) -> Path:
        path.write_text(text)
        path.chmod(0o755)
        return path

    def gateways(self, *arguments: str) -> Done:
        return self.world.runner.gateways(*arguments, env=self.world.environment)

    def install(self, *profiles: str) -> None:
        done = self.gateways("install", *profiles)
        assert done.code == 0, done

    def unit(self, name: str) -> Path:
        return self.units / f"hermes-gateway{'' if name == 'default' else f'-{name}'}.service"

    def drop_in(self, name: str) -> Path:
        unit = self.unit(name)
        return unit.with_name(unit.name + ".d") / "50-hermes-profiles.conf"

    def link(self, name: str) -> Path:
        return self.units / "default.target.wants" / self.unit(name).name

    def as_hermes_left_it(self, *profiles: str) -> None:
        """Remove the additions of hermes-profiles; the rest is what `hermes gateway install` writes."""
        for name in profiles:
            self.drop_in(name).unlink()
            self.drop_in(name).parent.rmdir()

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text, text
        path.write_text(text.replace(old, new))

    def set_properties(self, name: str, **properties: str) -> None:
        """Set properties that systemctl prints for a unit."""
        state = json.loads((self.folder / "properties.json").read_text())
        state["units"].setdefault(self.unit(name).name, {}).update(properties)
        (self.folder / "properties.json").write_text(json.dumps(state))

    def refuse(self, verb: str, words: str) -> None:
        state = json.loads((self.folder / "properties.json").read_text())
        (self.folder / "properties.json").write_text(json.dumps({**state, "fails": {verb: words}}))

    def loops(self, name: str, code: int = 1, times: int = 31) -> None:
        self.set_properties(
            name, ActiveState="activating", SubState="auto-restart", Result="exit-code", ExecMainCode="1",
            ExecMainStatus=str(code), NRestarts=str(times),
        )  # fmt: skip

    def failed(self, name: str, code: int, result: str = "exit-code") -> None:
        self.set_properties(
            name, ActiveState="failed", SubState="failed", Result=result, ExecMainCode="1", ExecMainStatus=str(code)
        )  # fmt: skip

    def calls(self) -> list[str]:
        """Return the recorded verbs of systemctl calls and clear the record."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [words[2] if words[0] == "--user" else words[0] for words in map(json.loads, lines)]


def everybody(world: DoctorRoot) -> Systemd:
    """Return the fake systemd of a root in which each profile has a running service."""
    return Systemd(world, *NAMES)


def collect_facts(
    world: DoctorRoot, manager: Manager, *others: Manager, unreachable: tuple[Problem, ...] = (),
    spec_of: Callable[[str], ServiceSpec] | None = None,
) -> Facts:  # fmt: skip
    """Return the facts of a root with the managers of a test; the first manager is in use."""
    layout = Layout(world.root, world.user)
    seen = SystemContext(layout, None if unreachable else manager)

    def no_spec(profile: str) -> ServiceSpec:
        raise NotFound("no Hermes here", target=profile)

    context = DoctorContext(
        layout, load_catalog(), {"PATH": "/usr/bin:/bin"}, world.user, os.getuid(), time.time(), seen,
        lambda names, known: survey(seen, names, known), (manager, *others), [*unreachable], spec_of or no_spec,
    )  # fmt: skip
    facts = FactCollector(context).facts()
    assert not facts.failures, facts.failures
    return facts


def found_in(facts: Facts, family: str = "services") -> dict[str, list[Finding]]:
    """Return check id → findings for one family of checks."""
    results = {check.id: list(check.run(facts)) for check in CHECKS if check.family == family}
    return {check: findings for check, findings in results.items() if findings}
