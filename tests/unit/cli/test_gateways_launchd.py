"""`hermes-gateways` under launchd: the jobs of a fake launchctl that runs them."""

from __future__ import annotations

import os
import plistlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import running_launchctl
from command_runner import Done
from fake_launchctl import LaunchdState
from gateway_root import GatewayRoot, until

from hermes_profiles.awake.render import render_agent

UID = os.getuid()


class Mac:
    """A user whose gateways launchd runs."""

    def __init__(self, fleet: GatewayRoot) -> None:
        self.fleet = fleet
        self.folder = fleet.user / "launchd"
        self.state: LaunchdState = running_launchctl.install(self.folder, UID)
        self.agents = fleet.user / "Library/LaunchAgents"
        self.agents.mkdir(parents=True)
        self.gateways, self.gok, self.rows = fleet.gateways, fleet.gok, fleet.rows
        environment = fleet.runner.environment
        environment["PATH"] = f"{self.folder}:{environment['PATH']}"
        environment["HERMES_PROFILES_MANAGER"] = "launchd"

    def plist(self, name: str) -> Path:
        return self.agents / ("ai.hermes.gateway.plist" if name == "default" else f"ai.hermes.gateway-{name}.plist")

    def edit(self, name: str, **keys: Any) -> None:
        """Edit a property list by hand; None removes a key."""
        path = self.plist(name)
        job = {**plistlib.loads(path.read_bytes()), **keys}
        path.write_bytes(plistlib.dumps({key: value for key, value in job.items() if value is not None}))

    def agent(self, label: str, name: str, *, words: list[str] | None = None, **keys: Any) -> Path:
        """Write an agent of another label that runs the gateway of a profile; loads it not."""
        variables = {"HOME": str(self.fleet.user), "PATH": "/usr/bin:/bin", "HERMES_HOME": str(self.fleet.home(name))}
        command = [str(self.fleet.python), "-m", "hermes_cli.main", "-p", name, "gateway", "run"]
        job = {
            "Label": label, "ProgramArguments": words or command, "RunAtLoad": True, "KeepAlive": True,
            "EnvironmentVariables": variables, **keys,
        }  # fmt: skip
        path = self.agents / f"{label}.plist"
        path.write_bytes(plistlib.dumps(job))
        return path

    def launchctl(self, *words: str) -> None:
        subprocess.run(["launchctl", *words], env=self.fleet.runner.environment, check=True)


@pytest.fixture
def mac(fleet: GatewayRoot) -> Iterator[Mac]:
    mac = Mac(fleet)
    yield mac
    for job in mac.state.jobs.values():
        if "keeper" in job:
            running_launchctl.end(job["keeper"])


def _all(done: Done) -> str:
    return f"{done.stdout}{done.stderr}"


BROKEN_DATE = b"<plist><dict><key>X</key><date>tomorrow</date></dict></plist>"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no property list"),
        (b"<plist><dict>", "no property list"),
        (BROKEN_DATE, "no property list"),
        ({"Label": "com.ada.hermes"}, "its Label is not ai.hermes.gateway-work"),
        ({"Label": None}, "its Label is not ai.hermes.gateway-work"),
        ({"ProgramArguments": None}, "it names no program"),
    ],
)
def test_gateway_whose_definition_launchd_cannot_load_is_left_running(
    mac: Mac, content: bytes | dict[str, Any], words: str
) -> None:
    mac.gok("install", "work", "--start")
    pid = mac.fleet.pid("work")
    if isinstance(content, bytes):
        mac.plist("work").write_bytes(content)
    else:
        mac.edit("work", **content)
    row = mac.rows()["work"]
    assert (row["state"], row["pid"]) == ("unsupervised", pid) and words in row["detail"]
    done = mac.gateways("restart", "work")
    assert done.code == 6 and words in _all(done) and "hermes-gateways install work --force" in done.stderr
    found = mac.fleet.call("doctor", "work", "--json").data["findings"]
    assert any(words in each["message"] for each in found)
    assert mac.fleet.pid("work") == pid
    mac.gok("stop", "work")
    done = mac.gateways("start", "work")
    assert done.code == 1 and words in _all(done) and mac.fleet.pid("work") is None


@pytest.mark.parametrize("options", [(), ("--force",), ("--start",)])
def test_installation_that_changes_nothing_leaves_the_gateway_running(mac: Mac, options: tuple[str, ...]) -> None:
    mac.gok("install", "work", "--start")
    pid = mac.fleet.pid("work")
    mac.gok("install", "work", *options)
    assert mac.fleet.pid("work") == pid and len(mac.fleet.starts("work")) == 1
    mac.launchctl("disable", f"gui/{UID}/ai.hermes.gateway-work")
    mac.gok("install", "work", *options)
    assert mac.fleet.pid("work") == pid and mac.state.read()["disabled"] == []
    mac.edit("work", ThrottleInterval=5)
    mac.gok("install", "work", "--force", "--start")
    until(lambda: mac.fleet.pid("work") not in (None, pid))


def test_definition_that_others_can_write_is_told_and_written_again(mac: Mac) -> None:
    """launchd loads no such file: `Path had bad ownership/permissions`."""
    mac.gok("install", "work", "--start")
    mac.plist("work").chmod(0o664)
    assert "others than its owner can write it" in mac.rows()["work"]["detail"]
    assert mac.gateways("restart", "work").code == 6 and mac.fleet.pid("work") is not None
    mac.gok("install", "work", "--force")
    assert mac.plist("work").stat().st_mode & 0o777 == 0o644
    until(lambda: mac.rows()["work"]["state"] == "running")


@pytest.mark.parametrize("broken", [lambda content: content[:-20], lambda content: content + BROKEN_DATE])
def test_broken_agent_of_the_watcher_is_one_edited_by_hand(mac: Mac, broken: Callable[[bytes], bytes]) -> None:
    mac.gok("watch", "on")
    path = mac.agents / "ai.hermes.profiles-watch.plist"
    path.write_bytes(broken(path.read_bytes()))
    done = mac.gateways("watch", "on")
    assert done.code == 6 and str(path) in done.stderr and "`hermes-gateways watch on --force`" in done.stderr
    mac.gok("watch", "on", "--force")
    mac.gok("watch", "off")
    assert not path.exists()


def test_broken_agent_that_keeps_the_mac_awake_is_told(mac: Mac) -> None:
    for name in ("caffeinate", "pmset"):
        (mac.folder / name).write_text("#!/bin/sh\nexit 0\n")
        (mac.folder / name).chmod(0o755)
    path = mac.agents / "ai.hermes.profiles-awake.plist"
    path.write_bytes(render_agent(("/bin/true",))[:-20])
    done = mac.gateways("awake")
    assert done.code == 3 and f"{path} does not say what to hold" in done.stdout
    done = mac.gateways("awake", "on")
    assert done.code == 6 and "`hermes-gateways awake on --force`" in done.stderr


def test_agent_of_another_label_is_named_and_stopped_through_launchd(mac: Mac) -> None:
    path = mac.agent("com.ada.hermes", "work")
    mac.launchctl("bootstrap", f"gui/{UID}", str(path))
    until(lambda: mac.rows()["work"]["state"] == "running")
    assert mac.rows()["work"]["detail"] == "supervised by com.ada.hermes of launchd"
    done = mac.gateways("restart", "work")
    assert done.code == 6 and f"launchctl kickstart -k gui/{UID}/com.ada.hermes`" in done.stderr
    assert mac.gateways("install", "work").code == 6
    mac.gok("stop", "work")
    assert mac.fleet.pid("work") is None and mac.state.jobs == {}
    mac.launchctl("bootstrap", f"gui/{UID}", str(path))
    until(lambda: mac.rows()["work"]["state"] == "running")
    mac.fleet.ok("delete", "work", "--yes")
    assert mac.state.jobs == {}


def test_agent_that_runs_several_gateways_is_stopped_for_all_of_them_only(mac: Mac) -> None:
    run = f"HERMES_HOME={mac.fleet.root}/profiles/$p {mac.fleet.python} -m hermes_cli.main -p $p gateway run"
    path = mac.agent("com.ada.all", "work", words=["/bin/sh", "-c", f"for p in work night; do {run} & done; wait"])
    mac.launchctl("bootstrap", f"gui/{UID}", str(path))
    until(lambda: [mac.rows()[name]["state"] for name in ("work", "night")] == ["running", "running"])
    done = mac.gateways("stop", "work")
    assert done.code == 6 and "which also runs night" in _all(done)
    mac.gok("stop", "work", "night")
    assert mac.state.jobs == {} and mac.fleet.pid("night") is None


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({}, 6),
        ({"words": ["/bin/sh", "-lc", "exec hermes -p work gateway run"], "EnvironmentVariables": {}}, 6),
        ({"Disabled": True}, 0),
        ({"words": ["/bin/sh", "-lc", "exec hermes -p night gateway run"], "EnvironmentVariables": {}}, 0),
        ({"words": ["/usr/local/bin/backup-gateway", "run"]}, 0),
    ],
)
def test_install_beside_an_agent_of_another_label(mac: Mac, keys: dict[str, Any], code: int) -> None:
    mac.agent("com.ada.hermes", "work", **keys)
    done = mac.gateways("install", "work")
    assert done.code == code, done
    if code:
        assert f"launchctl disable gui/{UID}/com.ada.hermes`" in done.stderr and not mac.plist("work").exists()
        mac.launchctl("disable", f"gui/{UID}/com.ada.hermes")
        mac.gok("install", "work")


def test_diff_of_an_edited_agent_shows_the_edit_alone(mac: Mac) -> None:
    mac.gok("install", "work")
    mac.edit("work", ThrottleInterval=5)
    done = mac.gateways("install", "work")
    changed = [line.strip() for line in done.stdout.splitlines() if line.strip()[:1] in ("+", "-")]
    assert done.code == 6 and [line for line in changed if line[:3] not in ("---", "+++")] == [
        "-ThrottleInterval = 5",
        "+ThrottleInterval = 30",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["/bin/sh", "-c", "/bin/sh -c '{gateway}; exit $?'; exit $?"],
        ["/usr/bin/env", "python3", "-c", "import subprocess as s; s.call(['/bin/sh', '-c', '{gateway}; exit $?'])"],
    ],
    ids=["shells", "as Hermes 0.22 does"],
)
def test_gateway_below_the_wrappers_of_its_own_agent_is_supervised(mac: Mac, words: list[str]) -> None:
    """Hermes runs it below osascript, and below a program that stamps the lines of standard error."""
    gateway = f"{mac.fleet.python} -m hermes_cli.main -p work gateway run"
    path = mac.agent("ai.hermes.gateway-work", "work", words=[word.format(gateway=gateway) for word in words])
    mac.launchctl("bootstrap", f"gui/{UID}", str(path))
    until(lambda: mac.fleet.pid("work") and mac.rows()["work"]["state"] == "running")
    row = mac.rows()["work"]
    assert (row["detail"], row["disagreement"]) == ("", [])
    first = mac.fleet.pid("work")
    mac.gok("restart", "work")
    assert mac.fleet.pid("work") not in (None, first) and mac.rows()["work"]["state"] == "running"
    mac.gok("uninstall", "work")
    assert mac.fleet.pid("work") is None and not path.exists()
