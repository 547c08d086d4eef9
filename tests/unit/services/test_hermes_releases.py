"""The service definitions of every release of Hermes are parsed, and compared by their effect."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hermes_services_text import HermesService, hermes_services
from sample_specs import spec_of

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.version import facts_of
from hermes_profiles.services.drift import DriftCode, compare
from hermes_profiles.services.launchd.render import render_plist
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.parse_definition import ParsedDefinition, parse_definition, with_programs_of
from hermes_profiles.services.spec import Program, ServiceSpec
from hermes_profiles.services.systemd.render import render_drop_in, render_unit

UNITS = hermes_services("service")
AGENTS = hermes_services("plist")
PYTHON = "/opt/hermes/venv/bin/python"
LAUNCHER = "/opt/hermes/.hermes/bin/hermes"
BASE = Path("/home/ada/.config/systemd/user/hermes-gateway-coder.service")
DROP_IN = BASE.with_name(BASE.name + ".d") / "50-hermes-profiles.conf"
PLIST = Path("/home/ada/Library/LaunchAgents/ai.hermes.gateway-coder.plist")


def _spec(service: HermesService) -> ServiceSpec:
    facts = facts_of(service.version)
    is_launcher = service.case == "launcher"
    program = Program(PYTHON, "/opt/hermes/venv", ("/opt/hermes/venv/bin", "/usr/bin", "/bin"), facts=facts)
    if is_launcher:
        program = Program("/opt/tools/python3", None, ("/usr/bin", "/bin"), LAUNCHER, facts)
    watchdog = {"drain": 120, "watchdog": 90} if service.case == "watchdog" else {}
    cron_drain = 30 if facts.has(Behaviour.WAITS_FOR_JOBS) else 0
    return spec_of(service.home, program=program, cron_drain=cron_drain, **watchdog)


def _unit_verdict(service: HermesService, text: str) -> tuple[DriftCode, tuple[str, ...]]:
    """Compare our service, whose unit the release has written again as `text`, with today's."""
    spec = _spec(service)
    base = render_unit(spec)
    wanted = [(BASE, base, 0o644), (DROP_IN, render_drop_in(spec, base=base), 0o644)]
    drift = compare(ManagerKind.SYSTEMD, {BASE: text.encode(), DROP_IN: wanted[1][1]}, wanted, spec)
    return drift.code, drift.details


@pytest.mark.parametrize("service", UNITS, ids=repr)
def test_unit_of_release_is_parsed(service: HermesService) -> None:
    parsed = parse_definition(ManagerKind.SYSTEMD, service.text.encode())
    is_launcher = service.case == "launcher"
    assert (parsed.home, parsed.directory) == (str(service.home), str(service.home))
    assert (parsed.program, parsed.is_launcher) == (LAUNCHER if is_launcher else PYTHON, is_launcher)
    assert parsed.selected == ("coder" if "coder" in str(service.home) else "")


@pytest.mark.parametrize("service", UNITS, ids=repr)
def test_unit_that_release_wrote_again_is_no_drift(service: HermesService) -> None:
    code, details = _unit_verdict(service, service.text)
    assert (code, details) in ((DriftCode.SAME, ()), (DriftCode.SAME_MEANING, ()))


@pytest.mark.parametrize("service", UNITS, ids=repr)
@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (r"(gateway\"? \"?)run", r"\1restart", "words differs"),
        (r"Restart=always", "Restart=no", "restart differs"),
        (r"WorkingDirectory=.*", "WorkingDirectory=/srv", "directory differs"),
        (r"TimeoutStopSec=\d+", "TimeoutStopSec=5", "stop_timeout differs"),
        (r"RestartPreventExitStatus=78\n", "", "parks differs"),
        (r"RestartForceExitStatus=75\n", "", "restarts differs"),
    ],
)
def test_changed_unit_of_release_is_drift(service: HermesService, before: str, after: str, named: str) -> None:
    text, changes = re.subn(before, after, service.text)
    code, details = _unit_verdict(service, text)
    assert changes and code in (DriftCode.OUTDATED, DriftCode.HAND_EDITED)
    assert any(named in detail for detail in details)


def test_bootstrap_script_that_runs_another_module_is_drift() -> None:
    service = next(each for each in UNITS if each.release.startswith("0.22") and each.case == "named")
    code, details = _unit_verdict(service, service.text.replace("'hermes_cli.main'", "'hermes_cli.web'"))
    assert code is DriftCode.OUTDATED and any("words differs" in detail for detail in details)


@pytest.mark.parametrize("service", AGENTS, ids=repr)
def test_agent_of_release_is_parsed_past_its_wrappers(service: HermesService) -> None:
    parsed = parse_definition(ManagerKind.LAUNCHD, service.text.encode())
    is_launcher = service.case == "launcher"
    assert (parsed.home, parsed.directory) == (str(service.home), str(service.home))
    assert (parsed.program, parsed.is_launcher) == (LAUNCHER if is_launcher else PYTHON, is_launcher)
    assert parsed.selected == ("coder" if "coder" in str(service.home) else "")


@pytest.mark.parametrize("service", AGENTS, ids=repr)
def test_agent_of_release_is_not_called_edited(service: HermesService) -> None:
    spec = _spec(service)
    wanted = [(PLIST, render_plist(spec), 0o644)]

    def verdict(text: str) -> DriftCode:
        return compare(ManagerKind.LAUNCHD, {PLIST: text.encode()}, wanted, spec).code

    assert verdict(service.text) is DriftCode.OUTDATED
    assert verdict(service.text.replace("<integer>30<", "<integer>5<")) is DriftCode.HAND_EDITED
    added = service.text.replace("<key>RunAtLoad</key>", "<key>Nice</key><integer>5</integer><key>RunAtLoad</key>")
    assert verdict(added) is DriftCode.HAND_EDITED


@pytest.mark.parametrize("script", ["", "display dialog 1", 'do shell script "exec \'"', "$.system('x')"])
def test_osascript_without_a_command_has_no_program(script: str) -> None:
    agent = next(each for each in AGENTS if "osascript" in each.text)
    text = re.sub(r"<string>(ObjC|do shell).*?</string>", f"<string>{script}</string>", agent.text, flags=re.DOTALL)
    assert text != agent.text
    assert parse_definition(ManagerKind.LAUNCHD, text.encode()).program == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("case", ["named", "launcher", "watchdog"])
def test_drop_in_applies_to_the_unit_of_the_newest_release(case: str, tmp_path: Path) -> None:
    """systemd reads the unit that Hermes wrote again together with our drop-in without a complaint."""
    service = next(each for each in reversed(UNITS) if each.case == case)
    home = tmp_path / "home"
    home.mkdir()
    shim = tmp_path / "program"
    shim.write_text("#!/bin/sh\n")
    shim.chmod(0o755)

    def here(text: str) -> str:
        for path in (PYTHON, LAUNCHER):
            text = text.replace(path, str(shim))
        return text.replace(str(service.home), str(home))

    spec = _spec(service)._replace(home=home, prestart=(str(shim), "prestart", "coder"))
    spec = spec._replace(program=spec.program._replace(python=str(shim), launcher=None))
    unit = tmp_path / BASE.name
    unit.write_text(here(service.text))
    unit.with_name(unit.name + ".d").mkdir()
    (unit.with_name(unit.name + ".d") / DROP_IN.name).write_bytes(render_drop_in(spec, base=render_unit(spec)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=one", str(unit)],
        capture_output=True, text=True, check=False, timeout=60,
        # Not `tmp_path`: the sockets of the machine's own units are below it, and a long path makes them invalid.
        env={**os.environ, "XDG_RUNTIME_DIR": "/tmp", "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    assert (done.stdout + done.stderr).strip() == ""


# -- which program an installed service keeps


def _found(launcher: str | None) -> ServiceSpec:
    return spec_of(program=Program(PYTHON, "/opt/hermes/venv", ("/usr/bin",), launcher))


@pytest.mark.parametrize(
    ("installed", "found", "expected"),
    [
        # An old virtual environment in the checkout of the launcher is left over by the update.
        (ParsedDefinition(program=PYTHON), LAUNCHER, (LAUNCHER, True)),
        (ParsedDefinition(program="/srv/venv/bin/python"), LAUNCHER, ("/srv/venv/bin/python", False)),
        (ParsedDefinition(program=LAUNCHER, is_launcher=True), None, (LAUNCHER, True)),
        (ParsedDefinition(program=LAUNCHER, is_launcher=True), LAUNCHER, (LAUNCHER, True)),
        # A console script of a release without launchers is replaced by its interpreter.
        (ParsedDefinition(program="/srv/venv/bin/hermes", is_launcher=True), None, (PYTHON, False)),
    ],
)
def test_installed_program_is_kept_unless_the_update_replaced_it(
    installed: ParsedDefinition, found: str | None, expected: tuple[str, bool]
) -> None:
    program = with_programs_of(_found(found), installed, works=lambda _: True).program
    assert (program.executable, program.launcher is not None) == expected
