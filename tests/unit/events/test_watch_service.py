"""The definitions of the watcher, read back by each manager's own reader: systemd, launchd, supervisord."""

from __future__ import annotations

import plistlib
import shlex
from pathlib import Path
from typing import Any

import pytest
from sample_specs import AWKWARD
from service_readers import supervisor_program, verify_units

from hermes_profiles.events.watch_service import (
    WatchName,
    render_watch,
    watch_command,
    watch_name,
    watch_variables,
)
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.services.checksum import checksum_matches
from hermes_profiles.services.launchd.render import MARK
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.own_files import is_ours, is_unchanged
from hermes_profiles.services.systemd.unit_file import parse_unit

HOME = Path("/home/ada")
KINDS = tuple(ManagerKind)


def definition(kind: ManagerKind, name: str = "plain", python: str = "/opt/venv/bin/python") -> bytes:
    """Return the definition for a root, with an awkward name in each path."""
    words = watch_command(python, Path("/srv") / name, kind)
    return render_watch(kind, WatchName("", ""), words, variables(name), log=Path("/tmp") / f"{name}.log")


def variables(name: str) -> tuple[tuple[str, str], ...]:
    return watch_variables({"PATH": f"/opt/{name}/bin:/usr/bin", "XDG_STATE_HOME": f"/state/{name}", "SECRET": "x"})


def expected_words(kind: ManagerKind, name: str) -> list[str]:
    return ["/opt/venv/bin/python", "-I", "-m", "hermes_profiles.cli.gateways", "watch-run", "--home", f"/srv/{name}",
            "--manager", str(kind)]  # fmt: skip


@pytest.mark.parametrize("name", ["plain", *AWKWARD])
def test_agent_is_a_property_list_that_launchd_keeps_alive(name: str) -> None:
    content = definition(ManagerKind.LAUNCHD, name)
    job: dict[str, Any] = plistlib.loads(content)
    mark = job.pop(MARK)
    assert mark.startswith("sha256:") and is_ours(content) and is_unchanged(content)
    log = f"/tmp/{name}.log"
    assert job == {
        "Label": "ai.hermes.profiles-watch",
        "ProgramArguments": expected_words(ManagerKind.LAUNCHD, name),
        "EnvironmentVariables": {"PATH": f"/opt/{name}/bin:/usr/bin", "XDG_STATE_HOME": f"/state/{name}"},
        "LimitLoadToSessionType": ["Aqua", "Background"],
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 10,
        "ProcessType": "Background",
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    edited = plistlib.dumps({**job, "KeepAlive": False, MARK: mark})
    assert is_ours(edited) and not is_unchanged(edited)


@pytest.mark.parametrize("name", ["plain", *AWKWARD])
def test_unit_is_started_again_for_ever_and_bound_to_no_gateway(name: str) -> None:
    content = definition(ManagerKind.SYSTEMD, name)
    unit = parse_unit(content)
    assert checksum_matches(content) and is_unchanged(content)
    assert list(unit.command("ExecStart")) == expected_words(ManagerKind.SYSTEMD, name)
    assert unit.environment() == dict(variables(name))
    assert unit.last("StartLimitIntervalSec", "Unit") == "0", "a crash loop of gateways must not end it"
    assert (unit.last("Restart"), unit.last("RestartSec"), unit.last("Nice")) == ("always", "5", "10")
    assert unit.last("WantedBy", "Install") == "default.target"
    for tie in ("Requires", "Wants", "BindsTo", "PartOf", "Conflicts", "After", "Before"):
        assert unit.last(tie, "Unit") == ""


def test_systemd_accepts_the_unit_of_awkward_paths(tmp_path: Path, short_folder: Path) -> None:
    units = []
    for number, name in enumerate(("plain", "100%u", 'quo"ted', "back\\slash", "$HOME", "it's a b")):
        python = tmp_path / name / "python"
        python.parent.mkdir()
        python.write_text("#!/bin/sh\nexit 0\n")
        python.chmod(0o755)
        units.append(tmp_path / f"hermes-profiles-watch-{number}.service")
        units[-1].write_bytes(definition(ManagerKind.SYSTEMD, name, str(python)))
    assert verify_units(units, short_folder) == ""


@pytest.mark.parametrize("name", ["plain", *AWKWARD])
def test_program_is_started_again_after_a_crash_and_not_after_an_end_on_purpose(name: str) -> None:
    content = definition(ManagerKind.SUPERVISOR, name)
    program = supervisor_program(content)
    assert checksum_matches(content) and is_unchanged(content)
    words = shlex.split(program.command)
    assert words[-9:] == expected_words(ManagerKind.SUPERVISOR, name)
    by_env = dict(word.split("=", 1) for word in words[1:-9])  # what `environment=` cannot hold
    assert program.environment | by_env == dict(variables(name)) and words[:-9][:1] in ([], ["/usr/bin/env"])
    assert program.stdout_logfile == f"/tmp/{name}.log" and program.stdout_logfile_maxbytes == 1 << 20
    assert (program.name, program.autostart, program.exitcodes) == ("hermes-profiles-watch", False, [0])
    assert (program.stopsignal, program.stopwaitsecs, program.umask) == (15, 10, 0o077)


@pytest.mark.parametrize("kind", KINDS)
def test_path_with_a_control_character_is_refused(kind: ManagerKind) -> None:
    with pytest.raises(UsageProblem, match="the command of the watcher"):
        definition(kind, "a\nb")


def test_each_root_has_a_service_of_its_own_and_no_secret_is_inherited() -> None:
    usual, other = watch_name(HOME / ".hermes", HOME), watch_name(Path("/srv/hermes"), HOME)
    assert (usual.unit, usual.label) == ("hermes-profiles-watch", "ai.hermes.profiles-watch")
    assert other.unit.startswith("hermes-profiles-watch-") and other.unit != watch_name(Path("/srv/x"), HOME).unit
    assert other.label == f"ai.hermes.profiles-watch-{other.suffix}"
    assert [name for name, _ in variables("a")] == ["PATH", "XDG_STATE_HOME"]
