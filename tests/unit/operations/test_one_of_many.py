"""Status and start of one profile cost what one profile costs, however many others there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from work_count import Work, work_of

from hermes_profiles.conflicts import claims, ledger
from hermes_profiles.gateways import system
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.operations import fleet_context
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import fleet_status
from hermes_profiles.operations.gateways.prestart import prepare_start

FEW, MANY = 5, 45
# One look at the folder of another profile: whether it is one.
PER_PROFILE = 4


def _session(folder: Path, count: int, **environment: str) -> FleetSession:
    root = folder / ".hermes"
    for number in range(count):
        home = root / "profiles" / f"p{number:02}"
        home.mkdir(parents=True)
        (home / "config.yaml").write_text("model: m\n")
        (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={7100000000 + number}:CANARY{number:029}\n")
        (home / "profile.yaml").write_text(f"description: d{number}\n")
    return FleetSession(str(root), environment={"HOME": str(folder), "PATH": "/usr/bin:/bin", **environment})


def _prestart(session: FleetSession) -> object:
    return prepare_start(session, "p01", None, 0.0, lambda _: None)


def _status(session: FleetSession) -> object:
    return fleet_status(session, session.selection(["p01"], (), None).profiles)


def _work(folder: Path, count: int, job: str) -> Work:
    session = _session(folder, count)
    run = {"prestart": _prestart, "status": _status}[job]
    run(session)
    return work_of(lambda: run(session.fresh()))


@pytest.fixture(autouse=True)
def _no_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes of this machine come and go while the work is counted."""
    (tmp_path / "proc").mkdir()
    monkeypatch.setattr(fleet_context, "processes_of", lambda _: LinuxProcesses(tmp_path / "proc"))
    monkeypatch.setattr(ledger, "processes_of", lambda _: LinuxProcesses(tmp_path / "proc"))


@pytest.mark.parametrize("job", ["prestart", "status"])
def test_job_for_one_profile_reads_one_profile(tmp_path: Path, job: str) -> None:
    few, many = _work(tmp_path / "few", FEW, job), _work(tmp_path / "many", MANY, job)
    assert many.reads["open"] == few.reads["open"]
    assert many.read_count <= few.read_count + (MANY - FEW) * PER_PROFILE, (few.reads, many.reads)


@pytest.mark.parametrize("count", [FEW, MANY])
def test_status_of_all_lists_the_folders_of_services_as_often_as_that_of_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    listed: list[object] = []
    monkeypatch.setattr(system, "definitions_of", lambda manager: listed.append(manager) or ())
    session = _session(tmp_path, count, HERMES_PROFILES_MANAGER="supervisor")
    fleet_status(session, session.existing)
    assert session.world.manager is not None and len(listed) == 3, (
        "for the query, the names and the services of profiles that are gone"
    )


def test_start_keeps_claims_that_it_does_not_meet_and_checks_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _session(tmp_path, 3)
    for name in ("p00", "p01"):
        prepare_start(session.fresh(), name, None, 0.0, lambda _: None)
    same = (session.layout.home("p01") / ".env").read_bytes()
    (session.layout.home("p02") / ".env").write_bytes(same)
    observed: list[tuple[str, ...]] = []
    real = FleetSession.observe
    monkeypatch.setattr(
        FleetSession, "observe", lambda self, names, *more: observed.append(tuple(names)) or real(self, names, *more)
    )
    assert prepare_start(session.fresh(), "p02", None, 0.0, lambda _: None).masks == ()
    assert observed == [("p02", "p01")]
    assert set(claims.read_ledger(session.layout)) == {"p00", "p02"}, "p01 claims the bot, and does not run"
