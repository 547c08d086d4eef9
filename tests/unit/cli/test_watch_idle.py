"""An idle round of `status --watch` opens no file and observes what runs alone; a change is shown in the next round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from work_count import work_of

from hermes_profiles.cli.framework.live_table import View
from hermes_profiles.cli.render import watch
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.model.errors import Failed
from hermes_profiles.operations import fleet_context
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import FleetStatus, fleet_status

PROFILES = 30
NAMES = tuple(f"p{number:02}" for number in range(PROFILES))
LINE = "2026-11-20 10:00:00,000 INFO gateway.run: {}\n"
# The home, its three files and its log; one look for files of a profile.
STATS, LSTATS = 5, 4


class Watched:
    """A root whose watcher counts its looks: () for all profiles, else the names."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / ".hermes"
        for name in NAMES:
            home = self.home(name)
            (home / "logs").mkdir(parents=True)
            (home / "config.yaml").write_text("model: m\n")
            (home / ".env").write_text("A=1\n")
            (home / "profile.yaml").write_text("description: d\n")
            (home / "logs" / "gateway.log").write_text(LINE.format("began"))
        session = FleetSession(str(self.root), environment={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
        self.looks: list[tuple[str, ...]] = []
        self.states: dict[str, GatewayState] = {}
        self.watcher = watch.FleetWatcher(session, self.look, 2.0)
        self.shown = self.watcher.view()
        self.looks.clear()

    def home(self, name: str) -> Path:
        return self.root / "profiles" / name

    def look(self, session: FleetSession, only: Sequence[str] | None) -> FleetStatus:
        self.looks.append(tuple(only or ()))
        found = fleet_status(session, only or session.existing, ask_api=False)
        changed = tuple(
            each._replace(gateway=each.gateway._replace(state=self.states.get(each.profile, each.state)))
            for each in found.gateways
        )
        return found._replace(gateways=changed)

    def again(self) -> View:
        self.shown = self.watcher.again(self.shown)
        return self.shown

    def row(self, name: str) -> tuple[str, ...]:
        return next(row for row in self.shown.rows if row[0] == name)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    (tmp_path / "proc").mkdir()
    monkeypatch.setattr(fleet_context, "processes_of", lambda _: LinuxProcesses(tmp_path / "proc"))
    return Watched(tmp_path)


def test_idle_round_opens_nothing(watched: Watched) -> None:
    watched.again()
    work = work_of(watched.again)
    assert watched.looks == [] and work.reads["open"] == work.reads["read"] == 0
    assert work.reads["stat"] <= PROFILES * STATS + 20
    assert work.reads["lstat"] <= PROFILES * LSTATS + 40
    assert work.read_count <= PROFILES * (STATS + LSTATS) + 60, work.reads


@pytest.mark.parametrize(
    "file", [".env", "config.yaml", "profile.yaml", ".op.env", "gateway.json", "gateway.pid", "gateway_state.json"]
)
def test_changed_file_is_seen_in_the_next_round(watched: Watched, file: str) -> None:
    watched.again()
    for content in ("{}\n", "{ }\n"):  # made or changed, then changed in place
        with (watched.home("p07") / file).open("a") as changed:
            changed.write(content)
        watched.looks.clear()
        watched.again()
        assert watched.looks == [()]


def test_new_profile_process_and_definition_are_seen(watched: Watched, tmp_path: Path) -> None:
    (watched.home("q") / "logs").mkdir(parents=True)
    assert "q" in [row[0] for row in watched.again().rows]
    units = tmp_path / ".config/systemd/user"
    units.mkdir(parents=True)
    (units / "hermes-gateway-p01.service").write_text("[Service]\n")
    watched.again()
    process = tmp_path / "proc" / "42"
    process.mkdir()
    (process / "cmdline").write_bytes(b"hermes\0-p\0p01\0gateway\0run\0")
    (process / "stat").write_text("42 (x) S 1 " + " ".join("1" * 40))
    (process / "environ").write_bytes(b"HERMES_HOME=" + str(watched.home("p01")).encode())
    watched.again()
    assert watched.looks == [(), (), ()]


def test_new_line_of_a_log_is_shown_without_a_look(watched: Watched) -> None:
    with (watched.home("p03") / "logs" / "gateway.log").open("a") as log:
        log.write(LINE.format("all is well"))
    watched.again()
    assert watched.row("p03")[-1] == "INFO all is well" and watched.looks == []


def test_running_gateways_are_observed_in_each_round_and_others_are_not(watched: Watched) -> None:
    watched.states = {"p03": GatewayState.RUNNING, "p04": GatewayState.STARTING, "p05": GatewayState.SERVED}
    watched.watcher._seen = None
    watched.again()
    watched.states["p04"] = GatewayState.DEGRADED
    watched.again()
    assert watched.looks == [(), ("p03", "p04")]
    assert [watched.row(name)[1] for name in ("p03", "p04", "p05", "p06")] == [
        "running",
        "degraded",
        "served",
        "stopped",
    ]
    assert isinstance(watched.shown.result, FleetStatus) and len(watched.shown.result.gateways) == len(NAMES) + 1


def test_all_gateways_are_observed_once_a_minute(watched: Watched) -> None:
    watched.watcher._looked -= watch.FULL
    watched.again()
    watched.again()
    assert watched.looks == [()]


def test_error_of_a_look_is_shown_and_the_next_round_looks_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    (watched.home("p07") / ".env").write_text("A=22\n")
    with monkeypatch.context() as patch:
        patch.setattr(watched.watcher, "_look", lambda *_: (_ for _ in ()).throw(Failed("it broke")))
        assert watched.again().notes == ("error: it broke",)
    assert watched.again().notes == () and watched.looks == [()]
