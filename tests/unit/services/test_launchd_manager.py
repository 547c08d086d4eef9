"""The launchd manager over a stateful launchctl on PATH, with the errors that people met."""

from __future__ import annotations

import io
import os
import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_launchctl import LaunchdState as Fake
from fake_launchctl import answer, install
from sample_specs import spec_of

from hermes_profiles.services.launchd.manager import LaunchdManager
from hermes_profiles.services.launchd.parse import domain_jobs, explain, job_details, listed_jobs
from hermes_profiles.services.manager import Activity, ManagerError, Service
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.run_command import Finished, run

UID = 501
GUI, USER = f"gui/{UID}", f"user/{UID}"


class LaunchdHome:
    """A user on a Mac, and the fake that answers."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        (self.home / "Library/LaunchAgents").mkdir(parents=True)
        self.fake: Fake = install(folder / "bin", UID)
        self.environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "TELEGRAM_BOT_TOKEN": "CANARY"}
        self.slept: list[float] = []
        self.environments: list[Mapping[str, str]] = []
        self.manager = self.another()

    def another(self) -> LaunchdManager:
        """Return a manager that remembers nothing: a new command."""
        return LaunchdManager(
            self.home, self.environment, UID, runner=self.run, waits=(0.01,) * 8, sleep=self.slept.append
        )  # fmt: skip

    def run(self, words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Finished:
        """Answer a call of launchctl in this process, and run other programs."""
        self.environments.append(environment)
        if words[0] != "launchctl":
            return run(words, environment, seconds)
        out, error = io.StringIO(), io.StringIO()
        code = answer(self.fake.path, list(words[1:]), out, error)
        return Finished(code, out.getvalue(), error.getvalue())

    def service(self, profile: str, *, has_file: bool = True, **keys: Any) -> Service:
        service = self.manager.service(ServiceName(profile, profile), profile)
        if has_file:
            home = f"/Users/anna/.hermes/profiles/{profile}"
            values = {"Label": service.name.label, "Program": "/bin/true", "RunAtLoad": True, "KeepAlive": True} | keys
            service.path.write_bytes(plistlib.dumps(values | {"EnvironmentVariables": {"HERMES_HOME": home}}))
        return service

    def put(self, service: Service, domain: str = GUI, **values: Any) -> None:
        job = {"pid": 700, "status": 0, "runs": 1, "home": "/h"} | values
        self.fake.change(jobs=self.fake.jobs | {f"{domain}/{service.name.label}": job})

    def verbs(self) -> list[str]:
        return [words[0] for words in self.fake.calls]

    def runs(self, service: Service, domain: str = GUI) -> bool:
        return bool(self.fake.jobs.get(f"{domain}/{service.name.label}", {}).get("pid"))


@pytest.fixture
def world(tmp_path: Path) -> LaunchdHome:
    return LaunchdHome(tmp_path)


def test_a_service_is_a_property_list_among_the_users_agents(world: LaunchdHome) -> None:
    ((path, content, mode),) = world.manager.definitions(spec_of())
    assert path == world.home / "Library/LaunchAgents/ai.hermes.gateway-coder.plist" and mode == 0o644
    assert plistlib.loads(content)["Label"] == "ai.hermes.gateway-coder"


# -- query


def test_a_query_of_nothing_calls_nothing(world: LaunchdHome) -> None:
    assert world.manager.query([]) == {} and world.fake.calls == []


def test_one_list_and_one_print_disabled_tell_of_all_jobs(world: LaunchdHome) -> None:
    services = [world.service(f"p{number}") for number in range(12)]
    for service in services:
        world.put(service, pid=100 + int(service.profile[1:]))
    world.fake.change(disabled=["ai.hermes.gateway-p3"])
    found = world.manager.query(services)
    assert world.verbs() == ["list", "print-disabled"]
    assert [found[each.profile].pid for each in services] == list(range(100, 112))
    assert found["p1"].activity is Activity.ACTIVE and found["p1"].restarts is None
    assert found["p1"].enabled and not found["p3"].enabled and found["p3"].installed


@pytest.mark.parametrize(("keys", "status", "activity", "waiting", "last_exit", "reason"), [
    ({}, 78, Activity.ACTIVATING, True, 78, "exit-code"),
    ({}, 19968, Activity.ACTIVATING, True, 78, "exit-code"),
    ({}, -9, Activity.ACTIVATING, True, -9, "signal"),
    ({}, 0, Activity.ACTIVATING, True, 0, ""),
    ({"KeepAlive": {"SuccessfulExit": False}}, 0, Activity.INACTIVE, False, 0, ""),
    ({"KeepAlive": {"SuccessfulExit": False}}, 1, Activity.ACTIVATING, True, 1, "exit-code"),
    ({"KeepAlive": {"Crashed": True}}, -9, Activity.ACTIVATING, True, -9, "signal"),
    ({"KeepAlive": {"Crashed": True}}, 1, Activity.FAILED, False, 1, "exit-code"),
    ({"KeepAlive": {"Crashed": True, "SuccessfulExit": False}}, 1, Activity.ACTIVATING, True, 1, "exit-code"),
    ({"KeepAlive": {"NetworkState": True}}, 1, Activity.FAILED, False, 1, "exit-code"),
    ({"KeepAlive": False}, 1, Activity.FAILED, False, 1, "exit-code"),
    ({"KeepAlive": False}, 0, Activity.INACTIVE, False, 0, ""),
])  # fmt: skip
def test_a_job_without_a_process_waits_or_has_failed(
    world: LaunchdHome,
    keys: dict[str, Any],
    status: int,
    activity: Activity,
    waiting: bool,
    last_exit: int,
    reason: str,
) -> None:
    services = [world.service("a", **keys), world.service("b")]
    world.put(services[0], pid=0, status=status)
    world.put(services[1])
    one = world.manager.query(services)["a"]
    assert (one.activity, one.waiting, one.last_exit, one.reason) == (activity, waiting, last_exit, reason)


def test_a_plist_that_cannot_be_read_revives_nothing(world: LaunchdHome) -> None:
    services = [world.service("a"), world.service("b")]
    services[0].path.write_text("<plist><dict>")
    for service in services:
        world.put(service, pid=0, status=1)
    assert world.manager.query(services)["a"].activity is Activity.FAILED


def test_restarts_are_known_for_a_single_job(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service, runs=4, home="/Users/anna/.hermes/profiles/a")
    one = world.manager.query([service])["a"]
    assert (one.restarts, one.home) == (3, "/Users/anna/.hermes/profiles/a")


def test_jobs_of_the_session_at_the_screen_are_seen_over_ssh(world: LaunchdHome) -> None:
    services = [world.service("a"), world.service("b"), world.service("c")]
    world.put(services[0], GUI, pid=41)
    world.put(services[1], USER, pid=42)
    world.fake.change(hidden=[GUI])
    found = world.manager.query(services)
    assert (found["a"].pid, found["b"].pid, found["c"].pid) == (41, 42, None)
    assert found["c"].installed and found["c"].activity is Activity.INACTIVE
    assert world.verbs() == ["list", "print", "print", "print-disabled"]


def test_disabled_labels_parse_old_format(world: LaunchdHome) -> None:
    services = [world.service("a"), world.service("b")]
    world.fake.change(disabled=["ai.hermes.gateway-a"], old_words=True)
    found = world.manager.query(services)
    assert (found["a"].enabled, found["b"].enabled) == (False, True)


def test_a_job_without_a_file_is_seen(world: LaunchdHome) -> None:
    service = world.service("a", has_file=False)
    world.put(service, pid=9)
    one = world.manager.query([service, world.service("b", has_file=False)])["a"]
    assert (one.installed, one.enabled, one.activity, one.pid) == (False, False, Activity.ACTIVE, 9)


def test_lines_that_are_not_understood_are_passed_over() -> None:
    assert listed_jobs("PID\tStatus\tLabel\nrubbish\n-\t-\tx\n12\t0\ty\n").keys() == {"x", "y"}
    assert domain_jobs("a = {\n\tservices = {\n\t\t 0 (pe) \tx\n\t\todd\n\t}\n\t 5 - z\n}\n") == {"x": (None, None)}
    assert job_details("\tstate = running\n").runs is None


@pytest.mark.parametrize(("error", "output", "found"), [
    (None, "started\nready\n", ["ready"]), ("no token\n", "started\n", ["no token"]), (None, None, []),
])  # fmt: skip
def test_journal_tail_reads_logs_of_the_plist(
    world: LaunchdHome, tmp_path: Path, error: str | None, output: str | None, found: list[str]
) -> None:
    keys: dict[str, Any] = {"StandardErrorPath": str(tmp_path / "err"), "StandardOutPath": str(tmp_path / "out")}
    for path, text in ((tmp_path / "err", error), (tmp_path / "out", output)):
        if text is not None:
            path.write_text("x" * 20000 + "\n" + text)
    assert world.manager.journal_tail(world.service("a", **keys), 1) == found
    assert world.manager.journal_tail(world.service("b")) == [] and world.fake.calls == []


# -- start and stop


def test_a_start_loads_the_job_and_has_it_run(world: LaunchdHome) -> None:
    service = world.service("a")
    assert world.manager.start([service]) == {}
    assert world.runs(service) and not world.runs(service, USER)


def test_a_start_leaves_a_running_job_alone(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service, pid=700)
    assert world.manager.start([service]) == {}
    assert world.fake.jobs[f"{GUI}/ai.hermes.gateway-a"]["pid"] == 700
    assert "bootstrap" not in world.verbs()


def test_a_loaded_job_without_a_process_is_kicked(world: LaunchdHome) -> None:
    service = world.service("a", RunAtLoad=False)
    world.put(service, pid=0, status=78)
    assert world.manager.start([service]) == {} and world.runs(service)
    assert "bootstrap" not in world.verbs()


def test_a_stop_unloads_the_job_and_the_next_start_loads_it_again(world: LaunchdHome) -> None:
    service = world.service("a")
    world.manager.start([service])
    assert world.manager.stop([service]) == {} and world.fake.jobs == {}
    status = world.manager.query([service])["a"]
    assert (status.activity, status.enabled, status.installed) == (Activity.INACTIVE, True, True)
    assert world.manager.stop([service]) == {}, "it is stopped already"
    assert world.another().start([service]) == {} and world.runs(service)


def test_a_job_is_stopped_where_it_is_loaded(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service, USER)
    assert world.manager.start([service]) == {} and world.fake.jobs.keys() == {f"{USER}/ai.hermes.gateway-a"}
    world.fake.forget_calls()
    assert world.manager.stop([service]) == {} and world.fake.jobs == {}
    assert world.fake.calls[0] == ["print", f"{USER}/ai.hermes.gateway-a"], "it is remembered where it was"


@pytest.mark.parametrize("code", [5, 37])
@pytest.mark.parametrize("times", [1, 3, 5])
def test_a_bootstrap_that_is_too_early_is_tried_again(world: LaunchdHome, code: int, times: int) -> None:
    service = world.service("a")
    world.fake.change(fails={"bootstrap": [code] * times})
    assert world.manager.start([service]) == {} and world.runs(service)
    assert world.slept.count(0.01) >= times - 1


@pytest.mark.parametrize(("code", "words"), [(5, "plutil -lint"), (37, "try again in a minute"), (150, "")])
def test_a_bootstrap_that_never_works_is_explained_in_bounded_time(world: LaunchdHome, code: int, words: str) -> None:
    service = world.service("a")
    world.fake.change(fails={"bootstrap": [code] * 99})
    failed = world.manager.start([service])
    assert f"bootstrap {GUI} {service.path}` failed with {code}: bootstrap failed: {code}:" in failed["a"]
    assert words in failed["a"] and world.fake.jobs == {}
    # Fewer than there are waits: of a job that is nowhere, launchd will not change its mind.
    assert world.verbs().count("bootstrap") == (6 if code != 150 else 1)
    assert not [words for words in world.fake.calls if words[0] in ("submit", "load")]


def test_a_job_that_was_loaded_in_spite_of_the_error_is_taken(world: LaunchdHome) -> None:
    service = world.service("a")
    world.fake.change(fails={"bootstrap": [5]}, loads_anyway=True)
    assert world.manager.start([service]) == {} and world.runs(service)
    assert world.verbs().count("bootstrap") == 1


def test_a_start_waits_for_the_old_job_to_leave(world: LaunchdHome) -> None:
    service = world.service("a")
    world.manager.start([service])
    world.fake.change(lingers=4)
    assert world.manager.stop([service]) == {}
    world.fake.change(lingers=0)
    job = world.fake.jobs[f"{GUI}/ai.hermes.gateway-a"]
    world.fake.change(jobs={f"{GUI}/ai.hermes.gateway-a": job | {"pid": 0}})
    assert world.manager.start([service]) == {} and world.runs(service)
    assert world.fake.jobs[f"{GUI}/ai.hermes.gateway-a"].get("leaving") is None


def test_an_old_job_that_leaves_while_the_new_one_is_loaded_is_waited_for(world: LaunchdHome) -> None:
    service = world.service("a")
    # kickstart says "no such job" of it, bootstrap refuses while it is there.
    world.put(service, pid=0, leaving=4)
    world.fake.change(fails={"kickstart": [113, 113]})
    assert world.manager.start([service]) == {} and world.runs(service)


def test_start_job_that_neither_runs_nor_ends_fails(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service, pid=0, leaving=999)
    assert "does not unload gui/501/ai.hermes.gateway-a" in world.manager.start([service])["a"]
    assert "bootstrap" not in world.verbs() and len(world.fake.calls) < 20
    world.fake.change(fails={"kickstart": [113, 113]})
    assert "failed with 37" in world.manager.start([service])["a"]


def test_a_kickstart_that_finds_nothing_yet_is_tried_again(world: LaunchdHome) -> None:
    service = world.service("a", RunAtLoad=False)
    world.fake.change(fails={"kickstart": [113, 113, 113]})
    assert world.manager.start([service]) == {} and world.runs(service)


def test_where_the_screen_refuses_the_users_own_domain_takes_the_job(world: LaunchdHome) -> None:
    service = world.service("a")
    world.fake.change(bootstrap={GUI: 125})
    assert world.manager.start([service]) == {} and world.runs(service, USER)


def test_without_a_session_at_the_screen_the_users_own_domain_is_used(world: LaunchdHome) -> None:
    service = world.service("a")
    world.fake.change(domains={GUI: 125, USER: 0})
    assert world.manager.start([service]) == {} and world.runs(service, USER)
    assert world.manager.query([service])["a"].activity is Activity.ACTIVE
    assert world.manager.enable([service], enabled=False) == {}
    assert world.fake.calls[-1] == ["disable", f"{USER}/ai.hermes.gateway-a"]


def test_start_without_domain_fails(world: LaunchdHome) -> None:
    service = world.service("a")
    world.fake.change(bootstrap={GUI: 125, USER: 125})
    failed = world.manager.start([service])
    assert "domain does not support specified action" in failed["a"].lower() and "--manager supervisor" in failed["a"]
    assert world.fake.jobs == {}


@pytest.mark.parametrize("verb", ["start", "stop", "unload", "check"])
def test_without_any_domain_the_manager_cannot_be_reached(world: LaunchdHome, verb: str) -> None:
    world.fake.change(domains={GUI: 125, USER: 113})
    with pytest.raises(ManagerError) as caught:
        world.manager.check() if verb == "check" else getattr(world.manager, verb)([world.service("a")])
    assert caught.value.problem.code == "no-domain" and "without sudo" in str(caught.value.problem.hint)


def test_a_disabled_job_is_started_and_stays_disabled_at_login(world: LaunchdHome) -> None:
    service = world.service("a")
    assert world.manager.load([service], enable=False) == {} and world.fake.jobs == {}
    assert world.manager.start([service]) == {} and world.runs(service)
    assert world.fake.read()["disabled"] == ["ai.hermes.gateway-a"]
    assert not world.manager.query([service])["a"].enabled


def test_a_missing_plist_is_named_with_the_command_that_makes_it(world: LaunchdHome) -> None:
    service = world.service("a", has_file=False)
    assert "`hermes-gateways install a`" in world.manager.start([service])["a"]


def test_stop_refused_by_launchd_fails(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service)
    world.fake.change(fails={"bootout": [5]})
    assert "failed with 5: boot-out failed: 5: Input/output error" in world.manager.stop([service])["a"]
    for code in (3, 36, 37, 113):
        world.fake.change(fails={"bootout": [code]})
        assert world.manager.stop([service]) == {}


def test_ten_jobs_are_worked_on_side_by_side_and_one_failure_is_its_own(world: LaunchdHome) -> None:
    services = [world.service(f"p{number}", has_file=number != 4) for number in range(10)]
    assert world.manager.start(services).keys() == {"p4"}
    assert [world.runs(each) for each in services] == [number != 4 for number in range(10)]
    assert world.manager.stop(services) == {} and world.fake.jobs == {}


# -- load and unload


def test_loading_what_is_not_loaded_starts_nothing(world: LaunchdHome) -> None:
    service = world.service("a")
    world.fake.change(disabled=["ai.hermes.gateway-a"])
    assert world.manager.load([service], enable=True) == {}
    assert world.fake.jobs == {} and world.fake.read()["disabled"] == []


def test_a_changed_definition_of_a_loaded_job_is_read_after_the_old_job_is_gone(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service, home="/old")
    world.fake.change(lingers=3)
    assert world.manager.load([service], enable=None) == {}
    assert world.fake.jobs[f"{GUI}/ai.hermes.gateway-a"]["home"] == "/Users/anna/.hermes/profiles/a"
    order = [verb for verb in world.verbs() if verb in ("bootout", "bootstrap")]
    assert order == ["bootout", "bootstrap"] and world.runs(service)


def test_load_job_that_does_not_unload_fails(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service)
    world.fake.change(lingers=999)
    assert "does not unload gui/501/ai.hermes.gateway-a" in world.manager.load([service], enable=None)["a"]
    assert "does not unload" in world.manager.unload([service])["a"] and "bootstrap" not in world.verbs()


def test_unload_leaves_no_job_and_no_mark(world: LaunchdHome) -> None:
    services = [world.service("a"), world.service("b")]
    world.manager.start(services)
    world.fake.change(disabled=["ai.hermes.gateway-a"], lingers=2)
    for service in services:
        os.unlink(service.path)
    assert world.manager.unload(services) == {}
    assert world.fake.jobs == {} and world.fake.read()["disabled"] == []
    assert world.manager.unload([]) == {} and world.manager.start([]) == {}


def test_load_after_failed_enable_reloads_nothing(world: LaunchdHome) -> None:
    service = world.service("a")
    world.put(service)
    world.fake.change(fails={"enable": [125]})
    assert "launchctl enable gui/501/ai.hermes.gateway-a" in world.manager.load([service], enable=True)["a"]
    assert "bootout" not in world.verbs()


# -- words


@pytest.mark.parametrize(("code", "text", "meaning"), [
    (3, "Boot-out failed: 3: No such process", "hermes-gateways start"),
    (113, 'Could not find service "x" in domain for user gui: 501', "not loaded"),
    (119, "Bootstrap failed: 119: Service is disabled", "hermes-gateways enable"),
    (1, "Bootstrap failed: 125: Domain does not support specified action", "log in at the screen"),
    (9, "", "exit code 9"),
])  # fmt: skip
def test_explain_covers_every_known_code(code: int, text: str, meaning: str) -> None:
    said = explain("bootstrap", "gui/501", Finished(code, "", text))
    assert meaning in said and not said.endswith(".") and said[0] == "`"


def test_start_job_missing_by_text_is_loaded(world: LaunchdHome) -> None:
    service = world.service("a")
    answers = {"kickstart": Finished(1, "", "Could not find service in domain for user gui: 501\n")}

    def runner(words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Finished:
        return answers.pop(words[1], None) or run(words, environment, seconds)

    manager = LaunchdManager(world.home, world.environment, UID, runner=runner, waits=(0.01,), sleep=lambda _: None)
    assert manager.start([service]) == {} and world.runs(service)


def test_launchctl_gets_a_listed_environment_and_no_more(world: LaunchdHome) -> None:
    world.manager.query([world.service("a")])
    assert {frozenset(each) for each in world.environments} == {frozenset(("PATH", "LC_ALL", "TZ"))}


def test_a_list_that_fails_is_the_managers_failure(world: LaunchdHome) -> None:
    def runner(words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Finished:
        return Finished(1, "", "Unrecognized subcommand: list\n") if words[1] == "list" else Finished(0, "", "")

    manager = LaunchdManager(world.home, world.environment, UID, runner=runner)
    with pytest.raises(ManagerError, match="unrecognized subcommand"):
        manager.query([world.service("a")])
