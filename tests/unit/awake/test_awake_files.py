"""The files that keep a host awake, to the byte; and what is read back from them."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from hermes_profiles.awake import render
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.services import own_files
from hermes_profiles.services.launchd.render import MARK
from hermes_profiles.services.systemd.unit_file import parse_unit

UNIT = """\
# Written by hermes-profiles: `hermes-gateways awake on`; `hermes-gateways awake off` removes it.
# mark: sha256:cae77a7548111d1e9d16a7b8026232ea90ee5c182413d75fe53edf44f313d89f
# Every gateway wants this service (see hermes-gateway-.service.d), and it ends when none does.

[Unit]
Description=Keeps this machine awake while Hermes runs
StopWhenUnneeded=yes
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/bin/systemd-inhibit --what=idle:sleep --who=hermes-profiles "--why=Hermes gateways are running" \
--mode=block /usr/bin/sleep infinity
# Somebody ended it, or logind was not there.
Restart=always
RestartSec=10
"""
DROP_IN = """\
# Written by hermes-profiles: `hermes-gateways awake on`; `hermes-gateways awake off` removes it.
# mark: sha256:f2820d33b6fa94330524c7d3f2b83449b7cbda9da6ac19f544821136a807e996
[Unit]
Wants=hermes-profiles-awake.service
"""
AGENT = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>ai.hermes.profiles-awake</string>
	<key>ProgramArguments</key>
	<array>
		<string>/opt/a &amp; b/bin/python3</string>
		<string>-I</string>
		<string>-m</string>
		<string>hermes_profiles.cli.gateways</string>
		<string>awake-hold</string>
		<string>--idle</string>
		<string>--disk</string>
	</array>
	<key>LimitLoadToSessionType</key>
	<array>
		<string>Aqua</string>
		<string>Background</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>StartInterval</key>
	<integer>60</integer>
	<key>HermesProfilesMark</key>
	<string>sha256:MARK</string>
</dict>
</plist>
"""


def unit(what: tuple[str, ...] = render.WHAT, inhibit: str = "/usr/bin/systemd-inhibit") -> bytes:
    return render.render_unit(inhibit, "/usr/bin/sleep", what)


def test_the_unit_is_this_to_the_byte() -> None:
    assert unit().decode() == UNIT


def test_drop_in_bytes_and_path() -> None:
    assert render.render_drop_in().decode() == DROP_IN
    folder = Path("/u/.config/systemd/user")
    assert [str(each.relative_to(folder)) for each in render.drop_ins(folder)] == [
        "hermes-gateway-.service.d/60-awake.conf", "hermes-gateway.service.d/60-awake.conf",
    ]  # fmt: skip


def test_the_agent_is_this_to_the_byte() -> None:
    made = render.render_agent(render.hold_command("/opt/a & b/bin/python3", ("idle", "disk")))
    job = plistlib.loads(made)
    assert made.decode() == AGENT.replace("sha256:MARK", job[MARK])
    assert "KeepAlive" not in job, "launchd would revive it for ever"


def test_what_a_unit_and_an_agent_hold_is_read_back() -> None:
    assert render.held_by_unit(unit()) == ("idle", "sleep")
    assert render.held_by_unit(unit((*render.WHAT, render.LID))) == ("idle", "sleep", "handle-lid-switch")
    assert render.held_by_unit(b"[Service]\nExecStart=/bin/true\n") == () == render.held_by_unit(b"\xff")
    assert render.held_by_agent(render.render_agent(render.hold_command("/p", ("idle", "display")))) == (
        "idle",
        "display",
    )
    assert render.held_by_agent(plistlib.dumps({"ProgramArguments": ["/bin/true"]})) == ()
    assert render.held_by_agent(plistlib.dumps({})) == ()


@pytest.mark.parametrize("inhibit", ["/opt/a b/systemd-inhibit", "/opt/100%u/$HOME/systemd-inhibit", "/ö/'q'/inhibit"])
def test_an_awkward_path_arrives_as_it_is(inhibit: str) -> None:
    words = parse_unit(unit(inhibit=inhibit)).command("ExecStart")
    assert inhibit in words and words[-2:] == ("/usr/bin/sleep", "infinity")


def test_a_path_that_no_file_can_hold_is_refused() -> None:
    with pytest.raises(UsageProblem, match="path"):
        unit(inhibit="/opt/a\nExecStart=/bin/evil")
    with pytest.raises(UsageProblem):
        render.render_agent(("/opt/a\x01b",))


@pytest.mark.parametrize(
    "made", [unit(), render.render_drop_in(), render.render_agent(render.hold_command("/p", ("idle",)))],
    ids=["unit", "drop-in", "agent"],
)  # fmt: skip
def test_is_ours_and_is_unchanged(made: bytes) -> None:
    assert own_files.is_ours(made) and own_files.is_unchanged(made)
    changed = made.replace(b"awake", b"asleep")
    assert own_files.is_ours(changed) and not own_files.is_unchanged(changed)
    assert not own_files.is_ours(b"[Unit]\nWants=hermes-profiles-awake.service\n")


def test_systemd_accepts_the_unit(tmp_path: Path, short_folder: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NO SYSTEMD: systemd-analyze is not installed; no unit was checked")
    path = tmp_path / "hermes-profiles-awake.service"
    path.write_bytes(render.render_unit("/bin/sh", "/bin/sh", render.WHAT))
    words = [program, "verify", "--user", "--man=no", "--recursive-errors=one", str(path)]
    done = subprocess.run(
        words, env={"XDG_RUNTIME_DIR": str(short_folder)}, capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""
