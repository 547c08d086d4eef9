"""Observation of a fleet with one manager query and one process scan, restricted to this root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from observed_root import NOW, RUN, Root, status

from hermes_profiles.conflicts.overlay import masks_in_force, overlay_folder
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.fleet.status import Inventory, read_fleet_status
from hermes_profiles.gateways.host.topology import Topology, multiplexing_asked
from hermes_profiles.gateways.masks import ChannelOwner, Mask
from hermes_profiles.gateways.model import Api, Gateway, GatewayState, LiveGateway, Supervisor
from hermes_profiles.gateways.observe import ObservationHints, live_gateways, observe_one, survey
from hermes_profiles.gateways.processes import Process, ancestors
from hermes_profiles.services.manager import Activity, ManagerError, RunningProgram, ServiceStatus

S, A = GatewayState, Activity
CATALOG = load_catalog()


@pytest.fixture
def root(isolated: Path) -> Root:
    return Root(isolated, "default", "ops", "work")


def test_survey_needs_one_manager_query_and_one_scan(root: Root) -> None:
    root.runs("work", 42)
    root.runs("ops", 43)
    root.manager.statuses = {"work": status(pid=42), "ops": status(pid=7)}
    assert root.states() == {"default": "stopped", "ops": "unsupervised", "work": "running"}
    assert root.manager.asked == [("default", "ops", "work")] and root.table.searched == 1


def test_survey_without_profiles_queries_no_manager(root: Root) -> None:
    assert survey(root.world, ()) == {} and root.manager.asked == []


def test_survey_without_manager_uses_files_and_processes(root: Root) -> None:
    root.runs("work", 42)
    root.world.manager = None
    found = observe_one(root.world, "work")
    assert (found.state, found.pid, found.service) == (S.UNSUPERVISED, 42, None)


def test_survey_unreachable_manager_raises(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> Any:
        raise ManagerError("no bus")

    monkeypatch.setattr(root.manager, "query", refuse)
    with pytest.raises(ManagerError):
        survey(root.world, root.profiles)


@pytest.mark.parametrize("home", ["/srv/other/.hermes", "/srv/other/.hermes/profiles/work"])
def test_unit_of_another_root_is_ignored(root: Root, home: str) -> None:
    """Two roots of one account share service names: the other root's service is not reported and not stopped."""
    root.manager.statuses = {"work": status(pid=77, home=home, restarts=5)}
    found = observe_one(root.world, "work")
    assert found.state is S.STOPPED and found.service == ServiceStatus(False, False, A.INACTIVE, home=home)
    assert found.disagreement == (f"the service of this name belongs to another root: {home}",)


def test_unit_with_another_spelling_of_the_home_counts(root: Root, isolated: Path) -> None:
    root.runs("work", 42)
    (isolated / "link").symlink_to(root.layout.root)
    for home in (root.home("work"), str(isolated / "link" / "profiles" / "work"), None):
        root.manager.statuses = {"work": status(pid=42, home=home)}
        assert observe_one(root.world, "work").state is S.RUNNING


def test_services_have_hermes_names(root: Root) -> None:
    assert [each.path.name for each in root.world.services(root.profiles)] == [
        "hermes-gateway.service",
        "hermes-gateway-ops.service",
        "hermes-gateway-work.service",
    ]


# -- served profiles


def test_second_gateway_of_a_home_is_reported(root: Root) -> None:
    root.runs("work", 42)
    root.table.add(50, "hermes", "-p", "work", "gateway", "run", HERMES_HOME=str(root.layout.root))
    root.manager.statuses = {"work": status(pid=42)}
    found = observe_one(root.world, "work")
    assert (found.state, found.pid, found.disagreement) == (S.RUNNING, 42, ("this home has further gateways: PID 50",))


@pytest.mark.parametrize(
    ("file", "line", "cause"),
    [
        (".env", "HERMES_HOME={work}\n", "HERMES_HOME in the files of ops sends it there"),
        ("config.yaml", "HERMES_HOME: {work}\n", "the homes were swapped"),
        (".env", "HERMES_HOME={ops}\n", "the homes were swapped"),
        (".env", "", "the homes were swapped"),
    ],
)
def test_cause_of_a_gateway_that_works_in_another_home(root: Root, file: str, line: str, cause: str) -> None:
    root.write("ops", file, line.format(work=root.home("work"), ops=root.home("ops")))
    root.runs("work", 42)
    root.table.add(42, "hermes", "-p", "ops", "gateway", "run", HERMES_HOME=root.home("ops"))
    root.table.owners[root.layout.home("work") / "gateway.lock"] = 42
    work, ops = observe_one(root.world, "work"), observe_one(root.world, "ops")
    assert (work.state, ops.state) == (S.DEGRADED, S.DEGRADED)
    assert work.detail == f"process 42 works in this home and was started for ops: {cause}"
    assert ops.detail == f"a process that was started for this home works in that of work: {cause}"


def test_gateway_without_pid_file_is_starting(root: Root) -> None:
    root.table.add(50, "hermes", "-p", "work", "gateway", "run", HERMES_HOME=str(root.layout.root))
    root.manager.statuses = {"work": status(pid=50)}
    found = observe_one(root.world, "work")
    assert (found.state, found.pid) == (S.DEGRADED, 50) and found.process is not None  # an hour is no back-off


def test_pid_of_the_manager_is_shown_without_a_proven_process(root: Root) -> None:
    root.table.add(60, "sh", "wrapper")
    root.manager.statuses = {"work": status(pid=60, since=NOW - 1)}
    assert (observe_one(root.world, "work").state, observe_one(root.world, "work").pid) == (S.STARTING, 60)


# -- multiplexer


def test_profiles_of_a_multiplexer_are_served(root: Root) -> None:
    root.runs("default", 9, served_profiles=["default", "work"])
    root.manager.statuses = {"default": status(pid=9)}
    assert root.states() == {"default": "running", "ops": "stopped", "work": "served"}
    assert observe_one(root.world, "work").pid == 9


@pytest.mark.parametrize("why", ["gone", "another process wrote it", "none served", "recycled"])
def test_old_list_of_served_profiles_is_ignored(root: Root, why: str) -> None:
    root.runs("default", 9, served_profiles=[] if why == "none served" else ["default", "work"])
    if why == "gone":
        del root.table.live[9]
    if why == "recycled":
        root.table.add(9, started=1001.0)
    if why == "another process wrote it":
        root.write("default", "gateway_state.json", {"pid": 8, "served_profiles": ["work"]})
    assert root.states()["work"] == "stopped"


def test_multiplexer_without_pid_file_still_serves(root: Root) -> None:
    root.runs("default", 9, served_profiles=["work"])
    (root.layout.root / "gateway.pid").rename(root.layout.root / "gateway.lock")
    assert root.states()["work"] == "served"


def test_own_gateway_takes_precedence_over_multiplexer(root: Root) -> None:
    root.runs("default", 9, served_profiles=["work"])
    root.runs("work", 42)
    root.manager.statuses = {"work": status(pid=42)}
    found = observe_one(root.world, "work")
    assert (found.state, found.pid) == (S.RUNNING, 42) and "multiplexer (PID 9)" in found.disagreement[0]


# -- what others know


def test_only_running_gateways_are_queried(root: Root) -> None:
    root.runs("work", 42)
    root.manager.statuses = {"work": status(pid=42)}
    asked: list[list[str]] = []

    def ask(facts: Any) -> dict[str, Api]:
        asked.append(list(facts))
        return {"work": Api("127.0.0.1", 8642, False, "refused")}

    known = ObservationHints(
        channels={"work": ("telegram",), "ops": ("discord",)},
        masks=lambda name, _: (Mask("telegram", owner=ChannelOwner(name)),),
        ask=ask,
    )
    found = survey(root.world, root.profiles, known)
    assert asked == [["work"]]
    assert found["work"].state is S.DEGRADED and found["work"].api == Api("127.0.0.1", 8642, False, "refused")
    assert found["work"].masks == (Mask("telegram", owner=ChannelOwner("work")),) and found["ops"].masks == ()
    assert [each.state for each in found["ops"].channels] == ["off"]


def test_mask_counts_only_with_the_overlay_in_the_environment(root: Root) -> None:
    folder = overlay_folder(root.layout, "work")
    for given, wanted in ((str(folder), True), ("/elsewhere", False), ("", False)):
        process = Process(42, 1.0, "S", 1, RUN, {"HERMES_MANAGED_DIR": given})
        calls: list[str] = []
        from hermes_profiles.conflicts import overlay

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(overlay, "masks_of", lambda _, name, calls=calls: calls.append(name) or ())
            masks_in_force(root.layout, "work", process)
        assert bool(calls) is wanted


def test_live_gateways_are_running_or_starting() -> None:
    process = Process(42, 1.0, "S", 1, RUN, {})
    gateways = {
        "up": Gateway("up", S.RUNNING, 42, process=process, service=status(pid=42)),
        "coming": Gateway("coming", S.STARTING, service=status(A.ACTIVATING)),
        "loops": Gateway("loops", S.CRASH_LOOPING, service=status(A.ACTIVATING, waiting=True)),
        "queued": Gateway("queued", S.STOPPED, service=status(A.INACTIVE, queued=True)),
        "down": Gateway("down", S.STOPPED, service=status(A.INACTIVE)),
        "served": Gateway("served", S.SERVED, 9),
    }
    assert live_gateways(gateways) == {
        "up": LiveGateway(42, False),
        "coming": LiveGateway(None, True),
        "loops": LiveGateway(None, True),
        "queued": LiveGateway(None, True),
    }


@pytest.mark.parametrize(
    ("env", "config", "environment", "expected"),
    [
        ("", "", {}, None),
        ("GATEWAY_MULTIPLEX_PROFILES=true\n", "", {}, True),
        ("GATEWAY_MULTIPLEX_PROFILES=true\r\n", "", {}, True),
        ("PRICE='5$' # five\nexport GATEWAY_MULTIPLEX_PROFILES=\"true\" # all\n", "", {}, True),
        ("", "gateway:\n  multiplex_profiles: true\n", {}, True),
        ("GATEWAY_MULTIPLEX_PROFILES=false\n", "gateway:\n  multiplex_profiles: true\n", {}, False),
        ("", "", {"GATEWAY_MULTIPLEX_PROFILES": "1"}, True),
        ("GATEWAY_MULTIPLEX_PROFILES=0\n", "", {"GATEWAY_MULTIPLEX_PROFILES": "1"}, False),
        ("A='never closed\n", "gateway:\n  multiplex_profiles: true\n", {}, True),
    ],
)
def test_multiplexing_setting_is_read_from_all_files(
    root: Root, env: str, config: str, environment: dict[str, str], expected: bool | None
) -> None:
    root.write("default", ".env", env)
    root.write("default", "config.yaml", config)
    assert multiplexing_asked(root.layout.root, environment) is expected


def inventory(root: Root, *, ask_api: bool = False) -> Inventory:
    def seen(names: Sequence[str], known: ObservationHints) -> dict[str, Gateway]:
        return survey(root.world, names, known)

    environment = {"HOME": str(root.layout.user_home)}
    return read_fleet_status(seen, root.world, root.profiles, catalog=CATALOG, ask_api=ask_api, environment=environment)


def test_status_reports_conflicts_of_running_gateways(root: Root) -> None:
    for name, pid in (("work", 42), ("ops", 43)):
        root.runs(name, pid)
        root.write(name, ".env", "TELEGRAM_BOT_TOKEN=7100000:CANARY-of-both-profiles\n")
    root.manager.statuses = {"work": status(pid=42), "ops": status(pid=43)}

    found = inventory(root)
    assert [(each.channel, each.profiles) for each in found.conflicts] == [("telegram", ("ops", "work"))]
    assert found.topology is Topology.PER_PROFILE and "CANARY" not in repr(found)
    del root.table.live[43]
    assert inventory(root).conflicts == ()


def test_remote_address_is_shown_without_login(root: Root) -> None:
    root.write("work", ".env", "GATEWAY_HEALTH_URL=ftp://user:CANARY-password@host:1/path?key=CANARY#x\n")
    root.runs("work", 42)
    root.manager.statuses = {"work": status(pid=42)}
    found = inventory(root, ask_api=True).gateways["work"]
    assert found.api == Api("ftp://host:1/path", 0, False, "GATEWAY_HEALTH_URL is not an http address")


def test_ancestors_are_known_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = {50: 40, 40: 30, 30: 1}
    monkeypatch.setattr("hermes_profiles.gateways.processes.sys.platform", "darwin")
    monkeypatch.setattr(psutil, "Process", lambda pid: SimpleNamespace(ppid=lambda: parents[pid]))
    assert ancestors(50) == {50, 40, 30}


def test_ancestors_include_the_parent() -> None:
    import os

    found = ancestors()
    assert os.getppid() in found and os.getpid() not in found and 0 not in found and 1 not in found
    assert ancestors(1) == ancestors(0) == frozenset()


def test_survey_process_of_another_program_names_that_service(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.runs("work", 42)
    ran = RunningProgram("hermes-gateway-old", str(root.world.layout.home("old")))
    monkeypatch.setattr(root.manager, "program_of", {42: ran}.get, raising=False)
    found = observe_one(root.world, "work").foreign_supervisor
    assert found is not None and (found.program, found.title) == (
        "hermes-gateway-old",
        "the service hermes-gateway-old of old",
    )


def test_service_that_was_removed_is_not_that_of_another_root(root: Root) -> None:
    """supervisord goes on to run the program, and says for which home."""
    root.runs("work", 42)
    home = str(root.world.layout.home("work"))
    root.manager.statuses = {"work": status(pid=42, home=home)._replace(installed=False)}
    assert observe_one(root.world, "work").disagreement == ()


def test_survey_names_the_other_gateways_of_a_unit(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Supervisor("all.service of the user's systemd", revives=True, unit="all.service", is_user_unit=True)
    monkeypatch.setattr("hermes_profiles.gateways.supervision.supervisor_of", lambda *_: unit)
    groups = {42: "/all.service", 43: "/all.service", 44: "/other.service"}
    monkeypatch.setattr(root.table, "cgroup", lambda process: groups[process.pid], raising=False)
    root.runs("work", 42)
    root.runs("ops", 43)
    root.runs("family", 44)
    found = observe_one(root.world, "work").foreign_supervisor
    assert found is not None and found.also_runs == ("ops",)


def test_survey_process_that_its_daemon_started_since_has_no_foreign_supervisor(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Supervisor("the supervisord of hermes-gateways (PID 7)", revives=True, stop="end it with `kill 7`", pid=7)
    root.runs("work", 42)
    monkeypatch.setattr("hermes_profiles.gateways.supervision.supervisor_of", lambda *_: daemon)
    assert observe_one(root.world, "work").foreign_supervisor == daemon  # the daemon of another root
    monkeypatch.setattr(root.manager, "is_daemon", (7).__eq__)
    assert observe_one(root.world, "work").foreign_supervisor is None
