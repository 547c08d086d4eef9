"""`awake` without systemd: on macOS (a launchctl stand-in), under supervisor, in WSL."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Iterator
from typing import Any

import pytest
from command_root import CommandRoot, picture
from fake_launchctl import LaunchdState as Fake
from fake_launchctl import install
from gateway_root import GatewayRoot, until

from hermes_profiles.doctor.probes.scripts import handmade_services
from hermes_profiles.gateways.processes import LinuxProcesses, Process
from hermes_profiles.model.layout import Layout

LABEL = "ai.hermes.profiles-awake"
# macOS honours the caffeinate that is a child of the job's process: both pids come from files.
PMSET = """#!/bin/sh
echo "Listed by owning process:"
[ -e {folder}/heeded ] && echo "   pid $(cat {folder}/heeded)(caffeinate): [0x1] 00:00:01 PreventUserIdleSystemSleep"
exit 0
"""


class Mac:
    """The user of a fleet on macOS: `--manager launchd`, and stand-ins of launchctl and pmset."""

    def __init__(self, fleet: GatewayRoot) -> None:
        self.fleet = fleet
        self.fake: Fake = install(fleet.user / "mac", os.getuid())
        (fleet.user / "mac/pmset").write_text(PMSET.format(folder=fleet.user))
        (fleet.user / "mac/pmset").chmod(0o755)
        self.environment = {
            "PATH": f"{fleet.user}/mac:{fleet.runner.environment['PATH']}", "HERMES_PROFILES_MANAGER": "launchd",
        }  # fmt: skip
        self.agents = fleet.user / "Library/LaunchAgents"
        self.plist = self.agents / f"{LABEL}.plist"

    def awake(self, *words: str) -> Any:
        return self.fleet.gateways("awake", *words, "--json", env=self.environment)

    @property
    def verbs(self) -> list[str]:
        return [words[0] for words in self.fake.calls if words[0] in ("bootstrap", "bootout", "kickstart")]

    @property
    def is_loaded(self) -> bool:
        return any(job.endswith(f"/{LABEL}") for job in self.fake.jobs)

    def words(self) -> list[str]:
        words: list[str] = plistlib.loads(self.plist.read_bytes())["ProgramArguments"]
        return words


@pytest.fixture
def mac(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> Mac:
    every = LinuxProcesses.gateways

    def own(processes: LinuxProcesses) -> tuple[Process, ...]:
        """Return the gateways of this test: parallel tests can have theirs."""
        return tuple(
            each
            for each in every(processes)
            if (each.variables or {}).get("HERMES_HOME", "").startswith(str(fleet.user))
        )

    monkeypatch.setattr(LinuxProcesses, "gateways", own)
    return Mac(fleet)


def test_awake_on_loads_agent_and_off_removes_it(mac: Mac) -> None:
    before = picture(mac.fleet.user, without=("mac", ".hermes"))
    done = mac.awake("on")
    assert done.code == 0 and done.data["outcome"] == "on" and mac.is_loaded
    assert mac.words()[1:] == ["-I", "-m", "hermes_profiles.cli.gateways", "awake-hold", "--idle"]
    assert mac.awake("off").data["outcome"] == "off" and not mac.is_loaded
    assert picture(mac.fleet.user, without=("mac", ".hermes")) == before


def test_repeated_awake_on_keeps_agent_unchanged(mac: Mac) -> None:
    mac.awake("on")
    before, journal = mac.plist.stat(), mac.fleet.journal()
    mac.fake.forget_calls()
    done = mac.awake("on")
    assert done.code == 0 and done.data["outcome"] == "already-on"
    assert mac.plist.stat() == before and mac.fleet.journal() == journal and mac.verbs == []


def test_changed_awake_options_restart_agent_with_new_flags(mac: Mac) -> None:
    mac.awake("on")
    mac.fake.forget_calls()
    done = mac.awake("on", "--display", "--disk", "--system", "--no-idle")
    assert done.code == 0 and mac.words()[5:] == ["--display", "--disk", "--system"]
    assert mac.verbs[:2] == ["bootout", "bootstrap"] and mac.is_loaded
    status = mac.awake()
    assert status.data["holds"] == ["display", "disk", "system"]
    assert any("mains power" in text for text in status.data["limits"])
    assert any("lid" in text for text in status.data["limits"])


def test_undo_updates_launchd(mac: Mac) -> None:
    mac.awake("on")
    assert mac.fleet.call("undo", env=mac.environment).code == 0
    assert not mac.is_loaded and not mac.plist.exists()
    assert mac.fleet.call("undo", mac.fleet.journal()[-1]["id"], env=mac.environment).code == 0
    assert mac.is_loaded and mac.plist.exists()


def test_awake_status_reads_macos_assertions(mac: Mac) -> None:
    gateway = mac.fleet.by_hand("work")
    try:
        mac.awake("on")
        (target,) = [target for target in mac.fake.jobs if target.endswith(LABEL)]
        job = mac.fake.jobs[target]
        mac.fake.change(jobs={**mac.fake.jobs, target: {**job, "pid": os.getppid()}})
        done = mac.awake()
        assert done.code == 3 and not done.data["held"] and "work" in done.data["kept_by"]
        (mac.fleet.user / "heeded").write_text(str(os.getpid()))  # a child of the agent's process
        done = mac.awake()
        assert done.code == 0 and done.data["held"]
        (mac.fleet.user / "heeded").write_text(str(gateway.pid))  # a caffeinate of another process
        assert mac.awake().code == 3
    finally:
        gateway.terminate()
        gateway.wait()


def test_hand_edited_agent_is_kept(mac: Mac) -> None:
    mac.awake("on")
    mac.plist.write_bytes(mac.plist.read_bytes().replace(b"<integer>60<", b"<integer>61<"))
    done = mac.awake("on")
    assert done.code == 6 and done.problem["code"] == "hand-edited"
    assert mac.awake("on", "--force").code == 0 and b"<integer>60<" in mac.plist.read_bytes()
    mac.plist.write_bytes(plistlib.dumps({"Label": LABEL}))
    assert mac.awake("on").problem["code"] == "foreign-file"
    done = mac.awake("off")
    assert done.code == 0 and done.data["outcome"] == "already-off" and mac.plist.exists()
    assert done.json["warnings"][0]["code"] == "foreign-file"


def test_doctor_does_not_report_awake_agent_as_manual_service(mac: Mac) -> None:
    mac.awake("on")
    layout = Layout(mac.fleet.root, mac.fleet.user)
    assert list(handmade_services(layout, ("default", "work"))) == []
    (mac.agents / "my.hermes.plist").write_bytes(plistlib.dumps({"ProgramArguments": ["hermes"]}))
    assert len(list(handmade_services(layout, ("default", "work")))) == 1


@pytest.mark.parametrize(
    ("words", "target"), [(("--lid",), "--lid"), (("--linger",), "--lid"), (("--no-idle",), "--no-idle")]
)
def test_linux_only_option_is_usage_error_on_macos(mac: Mac, words: tuple[str, ...], target: str) -> None:
    done = mac.awake("on", *words)
    assert done.code == 2 and done.problem["target"] == target and not mac.plist.exists()


def test_unreachable_launchd_is_error_before_write(mac: Mac) -> None:
    mac.fake.change(domains={})
    for words in (("on",), ("on", "--dry-run")):
        done = mac.awake(*words)
        assert done.code == 4 and not mac.plist.exists()
    assert mac.awake("off").code == 0 == mac.awake().code, "nothing is installed: no manager is queried"


# -- Linux, without a user manager


def test_awake_under_supervisor_writes_nothing_and_hints(fleet: GatewayRoot) -> None:
    done = fleet.untouched_by("awake", "on", "--json")
    assert done.code == 6 and done.problem["code"] == "supervisor"
    assert "systemd-inhibit" in done.problem["hint"] and "supervisord.pid" in done.problem["hint"]
    status = fleet.gok("awake", "--json")
    assert status.data["manager"] == "supervisor" and "by hand" in status.data["limits"][0]
    text = fleet.gok("awake").stdout
    assert text.startswith("wakefulness: off\nnote: supervisor cannot keep") and "switch it on" not in text


def test_unreachable_systemd_exits_4_without_write(fleet: GatewayRoot) -> None:
    done = fleet.untouched_by("awake", "on", "--manager", "systemd", "--json")
    assert done.code == 4 and done.problem["hint"]


@pytest.fixture
def bus(fleet: GatewayRoot) -> Iterator[GatewayRoot]:
    """A user with fake systemd programs whose answers are set by the test."""
    private = fleet.user / "run/systemd/private"
    private.parent.mkdir()
    private.touch()
    folder = fleet.user / "systemd"
    folder.mkdir()
    for name, text in {
        "systemctl": 'case "$*" in --version) echo "systemd 252 (x)";; esac; exit 0',
        "systemd-run": "cat $0.says >&2; exit $(cat $0.code)",
        "systemd-inhibit": "exit 0",
        "loginctl": "echo $* > $0.asked",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / "systemd-run.says").write_text("Failed to inhibit: Access denied\n")
    (folder / "systemd-run.code").write_text("1")
    fleet.runner.environment |= {"PATH": f"{folder}:/usr/bin:/bin", "HERMES_PROFILES_MANAGER": "systemd"}
    yield fleet


def test_awake_in_wsl_writes_nothing(bus: GatewayRoot) -> None:
    done = bus.untouched_by("awake", "on", "--json", env={"WSL_DISTRO_NAME": "Debian"})
    assert done.code == 6 and done.problem["code"] == "wsl" and "powercfg" in done.problem["hint"]


@pytest.mark.parametrize(("says", "code", "error"), [
    ("Failed to inhibit: Access denied", 6, "not-allowed"),
    ("Failed to inhibit: Interactive authentication required.", 6, "not-allowed"),
    ("Failed to connect to bus: No such file or directory", 4, "no-logind"),
    ("Failed to inhibit: The name org.freedesktop.login1 was not provided by any .service files", 4, "no-logind"),
])  # fmt: skip
def test_logind_answer_is_checked_before_write(bus: GatewayRoot, says: str, code: int, error: str) -> None:
    (bus.user / "systemd/systemd-run.says").write_text(says + "\n")
    for words in ((), ("--dry-run",)):
        done = bus.untouched_by("awake", "on", "--json", *words)
        assert done.code == code and done.problem["code"] == error and done.problem["hint"]


def test_missing_systemd_inhibit_exits_4(bus: GatewayRoot) -> None:
    (bus.user / "systemd/systemd-inhibit").unlink()
    done = bus.untouched_by("awake", "on", "--json", env={"PATH": f"{bus.user}/systemd:{bus.user}/nowhere"})
    assert done.code == 4 and done.problem["code"] == "no-program"


def test_masked_unit_is_kept(bus: GatewayRoot) -> None:
    (bus.user / "systemd/systemd-run.code").write_text("0")
    unit = bus.user / ".config/systemd/user/hermes-profiles-awake.service"
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/dev/null")
    done = bus.untouched_by("awake", "on", "--json")
    assert done.code == 6 and done.problem["code"] == "foreign-file"
    assert bus.untouched_by("awake", "--json").data["on"] is False
    done = bus.untouched_by("awake", "off", "--json")
    assert done.code == 0 and [each["target"] for each in done.json["warnings"]] == [str(unit)]


def test_old_systemd_is_reported(bus: GatewayRoot) -> None:
    (bus.user / "systemd/systemd-run.code").write_text("0")
    systemctl = bus.user / "systemd/systemctl"
    systemctl.write_text(systemctl.read_text().replace("252", "239"))
    done = bus.untouched_by("awake", "on", "--json")
    assert done.code == 6 and done.problem["code"] == "old-systemd" and "239" in done.problem["message"]


def test_linger_is_enabled_on_request(bus: GatewayRoot) -> None:
    (bus.user / "systemd/systemd-run.code").write_text("0")
    bus.gateways("awake", "on", "--json")
    asked = bus.user / "systemd/loginctl.asked"
    assert not asked.exists()
    assert bus.gateways("awake", "on", "--linger", "--dry-run").code == 0 and not asked.exists()
    bus.gateways("awake", "on", "--linger")
    assert "enable-linger" in until(lambda: asked.exists() and asked.read_text())


def test_awake_text_output(mac: Mac) -> None:
    say = lambda *words: mac.fleet.gateways("awake", *words, env=mac.environment).stdout  # noqa: E731
    assert say() == "wakefulness: off\nswitch it on with `hermes-gateways awake on`\n"
    assert say("on").startswith("wakefulness is on: this machine stays awake from the first gateway that starts")
    assert "wakefulness: on, nothing to hold (launchd: idle)\nkept by: none, no gateway runs" in say()
    assert say("off") == "wakefulness is off: this machine sleeps when it is set to\n"
    assert say("off").startswith("wakefulness is off already")


def test_awake_without_root_is_off(bare: CommandRoot) -> None:
    assert bare.runner.gateways("awake").code == 0 == bare.runner.gateways("awake", "off").code
    assert not bare.root.exists()
