"""The unit is Hermes' own, the drop-in makes it ours, and systemd reads both as they are meant."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY
from once import once
from real_hermes import hermes_python
from sample_specs import AWKWARD, awkward_spec, folder_names, spec_of
from service_readers import verify_units
from systemd_live import run_under_systemd

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.services.checksum import checksum_matches, digest
from hermes_profiles.services.spec import Limits, Program, ServiceSpec
from hermes_profiles.services.systemd.render import render_drop_in, render_unit, render_unit_unquoted
from hermes_profiles.services.systemd.unit_file import meaning_of, parse_unit, seconds

UNIT = """\
[Unit]
Description=Hermes Agent Gateway - Messaging Platform Integration
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=/opt/hermes/venv/bin/python -m hermes_cli.main --profile coder gateway run
WorkingDirectory=/home/ada/.hermes/profiles/coder
Environment="PATH=/opt/hermes/venv/bin:/usr/local/bin:/usr/bin:/bin"
Environment="VIRTUAL_ENV=/opt/hermes/venv"
Environment="HERMES_HOME=/home/ada/.hermes/profiles/coder"
Restart=always
RestartSec=5
RestartForceExitStatus=75
RestartPreventExitStatus=78
KillMode=mixed
KillSignal=SIGTERM
ExecReload=/bin/kill -USR1 $MAINPID
ExecStopPost=-/opt/hermes/venv/bin/python -m gateway.cgroup_cleanup
TimeoutStopSec=60
StandardOutput=journal
StandardError=journal

[Install]
WantedBy=default.target
"""

# What newer Hermes writes: a marker on a stop, a variable more, a launcher instead of the interpreter.
NEWER = (
    UNIT.replace("TimeoutStopSec=60", "TimeoutStopSec=150")
    .replace("RestartPreventExitStatus", "SuccessExitStatus=75\nRestartPreventExitStatus")
    .replace("ExecStopPost", "ExecStop=-/opt/hermes/venv/bin/python -m gateway.systemd_stop_mark\nExecStopPost")
    .replace("Restart=always", 'Environment="HERMES_SUPERVISED_CHILD=1"\nRestart=always')
)
LAUNCHER = NEWER.replace(
    "/opt/hermes/venv/bin/python -m hermes_cli.main --profile coder gateway run",
    '"/opt/stable/hermes" "--profile" "coder" "gateway" "run"',
)

_GENERATE = r"""
import json, sys
sys.dont_write_bytecode = True
from hermes_cli import gateway
answers = []
import os
for row in json.load(sys.stdin):
    os.environ.update(row["environment"])
    if row["system"]:
        gateway._system_service_identity = lambda user: ("bob", "staff", row["environment"]["HOME"])
    path = gateway.generate_systemd_unit(system=row["system"], run_as_user="bob" if row["system"] else None)
    answers.append({
        "unit": path, "python": gateway.get_python_path(), "venv": str(gateway._detect_venv_dir()),
        "name": gateway.get_service_name(),
    })
print(json.dumps(answers))
"""


def _hermes_units(rows: list[dict[str, object]], folder: Path) -> list[dict[str, str]]:
    done = subprocess.run(
        [hermes_python(), "-c", _GENERATE],
        input=json.dumps(rows), capture_output=True, text=True, check=False, timeout=120, cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "HERMES_HOME": str(folder), "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def _spec_like(answer: dict[str, str], home: Path, user_home: Path, **more: object) -> ServiceSpec:
    found = re.search(r'^Environment="PATH=(.*)"$', answer["unit"], re.MULTILINE)
    assert found
    program = Program(answer["python"], answer["venv"], tuple(found[1].split(":")))
    return spec_of(home, account_home=user_home, program=program, **more)


PLACES: dict[tuple[str, str], dict[str, int]] = {
    (".hermes", ""): {},
    (".hermes/profiles/coder", ""): {},
    (".hermes/profiles/coder", "agent:\n  restart_drain_timeout: 180\n"): {"drain": 180},
}
NIGHTLY_PLACES: dict[tuple[str, str], dict[str, int]] = {
    (".hermes/profiles/coder", "gateway:\n  systemd_watchdog_seconds: 30\n"): {"watchdog": 30},
    (".hermes/scratch", ""): {},
    ("elsewhere/profiles/team-a", ""): {},
}
AWKWARD_NAMES = ("100%u", "two words", 'quo"ted', "a&b", "ümlaut", "$HOME", "ends\\")


class Written(NamedTuple):
    """The units that Hermes writes for one home; `system` is that of a service of the system."""

    account_home: Path
    home: Path
    user: dict[str, str]
    system: dict[str, str]


def _written(folder: Path) -> dict[tuple[str, str], Written]:
    cases = [*PLACES, *(NIGHTLY_PLACES if NIGHTLY else ()), *((f"{name}/profiles/coder", "") for name in AWKWARD_NAMES)]
    homes = []
    for number, (place, config) in enumerate(cases):
        account = folder / str(number)
        homes.append((account, (account / place).resolve()))
        homes[-1][1].mkdir(parents=True)
        (homes[-1][1] / "config.yaml").write_text(config)
    rows = [{"environment": {"HOME": str(user), "HERMES_HOME": str(home)}} for user, home in homes]
    answers = _hermes_units([{**row, "system": system} for system in (False, True) for row in rows], folder)
    pairs = zip(cases, homes, answers[: len(cases)], answers[len(cases) :], strict=True)
    return {case: Written(user, home, plain, system) for case, (user, home), plain, system in pairs}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Written]:
    """Return case → units: Hermes is asked for all of them at once, because it takes a second to start."""
    hermes_python()
    return once(tmp_path_factory, "systemd-units", _written)


@pytest.mark.judge
@pytest.mark.parametrize(
    ("place", "config", "fields"),
    [(*case, fields) for case, fields in PLACES.items()]
    + [pytest.param(*case, fields, marks=pytest.mark.nightly) for case, fields in NIGHTLY_PLACES.items()],
)
def test_the_unit_is_letter_by_letter_what_hermes_writes(
    written: dict[tuple[str, str], Written], place: str, config: str, fields: dict[str, int]
) -> None:
    user, home, answer, system = written[place, config]
    spec = _spec_like(answer, home, user.resolve(), **fields)
    assert answer["name"] == spec.name.unit
    assert render_unit(spec).decode() == answer["unit"]
    assert render_unit(
        _spec_like(system, home, user.resolve(), account="bob", **fields), system_user=("bob", "staff")
    ).decode() == system["unit"]  # fmt: skip


@pytest.mark.judge
@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_what_hermes_writes_for_awkward_paths_is_known(written: dict[tuple[str, str], Written], name: str) -> None:
    user, home, answer, _ = written[f"{name}/profiles/coder", ""]
    assert render_unit_unquoted(_spec_like(answer, home, user.resolve())).decode() == answer["unit"]


def test_the_unit_of_a_profile() -> None:
    assert render_unit(spec_of()).decode() == UNIT
    assert render_unit_unquoted(spec_of()).decode() == UNIT


def test_the_unit_for_the_system_names_its_account() -> None:
    text = render_unit(spec_of(), system_user=("ada", "staff")).decode()
    assert "\nUser=ada\nGroup=staff\nExecStart=" in text
    assert '\nEnvironment="HOME=/home/ada"\nEnvironment="USER=ada"\nEnvironment="LOGNAME=ada"\n' in text
    assert text.endswith("WantedBy=multi-user.target\n")


def test_a_program_without_a_virtual_environment_names_none() -> None:
    assert b"VIRTUAL_ENV" not in render_unit(spec_of(program=Program("/usr/bin/python3", None, ("/usr/bin",))))


DROP_IN = """\
# Written by hermes-profiles for the gateway of the profile coder.
# mark: sha256:MARK
# base: sha256:BASE
# Hermes rewrites its own unit file whenever a gateway starts. It does not change this file, and systemd uses
# this one where the two differ. Changes made in this file are detected: put yours into a file of your own
# beside it, such as 60-mine.conf.

[Service]
# Before each start, channels that another gateway holds are masked for this one.
# The '-': the gateway also starts when hermes-profiles is not installed.
ExecStartPre=
ExecStartPre=-/opt/tools/bin/hermes-gateways overlay coder
# The shell removes every variable that is not listed, so that no token of another profile gets in, then
# executes the gateway. '-p' names the profile: without it, `hermes profile use` would start the default
# gateway as another profile. Everything is quoted, which Hermes' own text is not.
ExecStart=
ExecStart=/bin/sh -c "CLEAN exec \\"$$@\\"" hermes-gateway GATEWAY
WorkingDirectory=/home/ada/.hermes/profiles/coder
# Time for the wait at boot (many gateways do not start at once).
TimeoutStartSec=90
# All variables of the gateway; those of Hermes' unit are not used.
Environment=
Environment="HOME=/home/ada"
Environment="USER=ada"
Environment="LOGNAME=ada"
Environment="PATH=/opt/hermes/venv/bin:/usr/local/bin:/usr/bin:/bin"
Environment="VIRTUAL_ENV=/opt/hermes/venv"
Environment="HERMES_HOME=/home/ada/.hermes/profiles/coder"
Environment="HERMES_MANAGED_DIR=/home/ada/.hermes/profiles/.hermes-profiles/overlay/coder"
# Restart it after every exit; exit code 75 asks for a restart. 78 means a
# broken configuration, which a restart does not fix.
Restart=always
RestartForceExitStatus=75
RestartPreventExitStatus=78
# 75 is not a failure. 1 is one: it is also the exit code of a crash.
SuccessExitStatus=75
# Tell the gateway that the stop is intended, as `hermes gateway stop` does: it then exits with 0 and not as
# failed. Nothing is written when it ended by itself.
ExecStop=-/bin/sh -c "STOP" stop-mark ${MAINPID} /home/ada/.hermes/profiles/coder
# TERM for the gateway alone, which ends its child processes; KILL for what is left.
KillMode=mixed
# It waits for busy agents (0 s), and then has half a minute to shut down.
TimeoutStopSec=60
# A gateway that is always restarted never counts as failed, so your own OnFailure= would not be called. The
# third restart in a row calls it, and every tenth after that.
ExecStopPost=-/bin/sh -c "HANDLERS" on-failure %n
"""


def test_the_drop_in_of_a_profile() -> None:
    base = render_unit(spec_of())
    content = render_drop_in(spec_of(), base=base)
    assert checksum_matches(content)
    text = re.sub(r"(?<=mark: sha256:)[0-9a-f]+", "MARK", content.decode()).replace(digest(base), "BASE")
    text = re.sub(r'(?<=/bin/sh -c ")for n in .* done;', "CLEAN", text)
    text = text.replace(" ".join(spec_of().pinned_command), "GATEWAY")
    text = re.sub(r'(?<=ExecStop=-/bin/sh -c ").*(?=" stop-mark)', "STOP", text)
    text = re.sub(r'(?<=ExecStopPost=-/bin/sh -c ").*(?=" on-failure)', "HANDLERS", text)
    assert text == DROP_IN


def test_the_default_gateway_is_pinned_by_the_drop_in_and_not_by_the_unit() -> None:
    spec = spec_of(Path("/home/ada/.hermes"))
    base = parse_unit(render_unit(spec))
    assert meaning_of(base).profile == ""
    assert meaning_of(base, parse_unit(render_drop_in(spec, base=render_unit(spec)))).profile == "default"


def test_drop_in_has_back_off_only_for_new_systemd() -> None:
    old, new = (parse_unit(render_drop_in(spec_of(), systemd_version=each, base=b"")) for each in (253, 254))
    assert old.last("RestartSteps") == old.last("RestartMaxDelaySec") == ""
    assert (new.last("RestartSec"), new.last("RestartSteps"), new.last("RestartMaxDelaySec")) == ("5", "8", "300")


def test_limits_waits_and_drains_are_in_the_drop_in() -> None:
    spec = spec_of(limits=Limits(512 * 2**20, 50), boot_delay=7.5, drain=180)
    drop_in = parse_unit(render_drop_in(spec, base=render_unit(spec)))
    asked = {
        key: drop_in.last(key) for key in ("MemoryMax", "OOMPolicy", "CPUQuota", "TimeoutStartSec", "TimeoutStopSec")
    }
    assert asked == {
        "MemoryMax": "536870912", "OOMPolicy": "continue", "CPUQuota": "50%", "TimeoutStartSec": "98",
        "TimeoutStopSec": "210",
    }  # fmt: skip
    unlimited = parse_unit(render_drop_in(spec_of(), base=b""))
    assert not {key for _, key in unlimited.names()} & {"MemoryMax", "OOMPolicy", "CPUQuota"}


def test_drop_in_of_notify_gateway_has_long_start_timeout() -> None:
    spec = spec_of(watchdog=30, boot_delay=10)
    unit = parse_unit(render_unit(spec)).joined(parse_unit(render_drop_in(spec, base=render_unit(spec))))
    assert (unit.last("Type"), unit.last("NotifyAccess"), unit.last("WatchdogSec")) == ("notify", "main", "30s")
    assert unit.last("TimeoutStartSec") == "310"


def test_a_stop_is_never_shorter_than_the_base_unit_allows() -> None:
    assert parse_unit(render_drop_in(spec_of(), base=NEWER.encode())).last("TimeoutStopSec") == "150"


def test_without_a_command_for_the_overlay_none_is_run() -> None:
    assert b"ExecStartPre" not in render_drop_in(spec_of(prestart=()), base=b"")


@pytest.mark.parametrize("text", ["a\nExecStart=/bin/false", "a\x07"])
def test_a_path_with_a_control_character_is_refused(text: str) -> None:
    for spec in (
        spec_of(Path(f"/srv/{text}")),
        spec_of(program=Program(f"/srv/{text}/python", None, ())),
        spec_of(program=Program("/usr/bin/python3", None, (f"/srv/{text}",))),
        spec_of(prestart=("/bin/true", text)),
        spec_of(overlay=Path(f"/srv/{text}")),
    ):
        with pytest.raises(UsageProblem, match="has the character"):
            render_unit(spec)
        with pytest.raises(UsageProblem, match="has the character"):
            render_drop_in(spec, base=b"")


@given(folder_names | st.sampled_from(AWKWARD))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_path_comes_back_from_what_was_written(name: str) -> None:
    spec = awkward_spec(name)
    base = render_unit(spec)
    unit, drop_in = parse_unit(base), parse_unit(render_drop_in(spec, base=base))
    both = unit.joined(drop_in)
    assert both.environment() == dict(spec.environment)
    assert both.command("ExecStart") == spec.cleaned_command
    assert unit.environment()["HERMES_HOME"] == str(spec.home)
    for key, words in (("ExecStart", spec.hermes_command), ("ExecStopPost", (spec.program.python, "-m"))):
        assert set(words) <= set(unit.command(key))
    assert both.command("ExecStop")[-2:] == ("${MAINPID}", str(spec.home))
    assert set(spec.prestart) <= set(both.command("ExecStartPre"))
    meant = meaning_of(unit, drop_in)
    assert (meant.home, meant.directory, meant.program) == (str(spec.home), str(spec.home), spec.program.python)


# -- reading


def test_a_unit_is_read_with_its_comments_continuations_and_resets() -> None:
    unit = parse_unit(
        b"\xef\xbb\xbf[Service]\r\n# a comment\r\n ; another\nExecStart = /bin/a \\\r\n# within\n  b\n"
        b"Environment=A=1 'B=2 3'\n"
        b"Environment=\nEnvironment=C=4\nnonsense\n[Other]\nExecStart=/bin/other\n\xff\xfe=\n"
    )
    assert unit.command("ExecStart") == ("/bin/a", "b")
    assert unit.environment() == {"C": "4"}
    assert unit.last("ExecStart", "Other") == "/bin/other"
    assert unit.last("Nowhere") == "" and unit.command("Nowhere") == ()


def test_two_backslashes_at_the_end_do_not_join_lines() -> None:
    unit = parse_unit(b"[Service]\nWorkingDirectory=/srv/a\\\\\nType=notify\n")
    assert unit.last("Type") == "notify" and unit.last("WorkingDirectory") == "/srv/a\\\\"


def test_environment_line_with_open_quote_sets_nothing() -> None:
    unit = parse_unit(b'[Service]\nEnvironment="HERMES_HOME=/srv/quo"ted"\nExecStart="/bin/a\n')
    assert "HERMES_HOME" not in unit.environment() and unit.command("ExecStart") == ()


def test_the_content_of_a_unit_is_not_shown_by_accident() -> None:
    unit = parse_unit(b"[Service]\nEnvironment=TOKEN=CANARY-unit\n")
    assert "CANARY" not in repr(unit) + str(unit) and "Service.Environment" in repr(unit)


@pytest.mark.parametrize(("text", "span"), [
    ("210", 210.0), ("90s", 90.0), ("3min 30s", 210.0), ("1h30m", 5400.0), ("500ms", 0.5),
    ("infinity", None), ("", None),
])  # fmt: skip
def test_time_spans(text: str, span: float | None) -> None:
    assert seconds(text) == span


@pytest.mark.parametrize("text", [NEWER, LAUNCHER, UNIT.replace("--profile coder gateway run", "gateway run -p coder")])
def test_texts_of_other_versions_mean_the_same(text: str) -> None:
    assert meaning_of(parse_unit(text.encode())).differences(meaning_of(parse_unit(UNIT.encode()))) == ()


@pytest.mark.parametrize(("before", "after", "difference"), [
    ("/opt/hermes/venv/bin/python -m hermes_cli", "/gone/bin/python -m hermes_cli", "program"),
    ("gateway run", "gateway run --replace", "words"),
    ("--profile coder", "--profile other", "profile"),
    ("HERMES_HOME=/home/ada/.hermes/profiles/coder", "HERMES_HOME=/srv/x", "home"),
    ("WorkingDirectory=/home/ada/.hermes/profiles/coder", "WorkingDirectory=/tmp", "directory"),
    ("Type=simple", "Type=notify", "type"),
    ("Type=simple", "Type=notify\nWatchdogSec=5", "watchdog"),
    ("Restart=always", "Restart=on-failure", "restart"),
    ("RestartPreventExitStatus=78\n", "", "parks"),
    ("RestartForceExitStatus=75\n", "RestartForceExitStatus=175\n", "restarts"),
    ("TimeoutStopSec=60", "TimeoutStopSec=20", "stop_timeout"),
])  # fmt: skip
def test_each_change_of_meaning_is_seen(before: str, after: str, difference: str) -> None:
    assert before in UNIT
    changed = meaning_of(parse_unit(UNIT.replace(before, after).encode()))
    assert difference in changed.differences(meaning_of(parse_unit(UNIT.encode())))


def test_a_path_of_another_shell_is_no_change_of_meaning() -> None:
    changed = UNIT.replace("PATH=/opt/hermes/venv/bin:", "PATH=/opt/node/bin:")
    assert meaning_of(parse_unit(changed.encode())) == meaning_of(parse_unit(UNIT.encode()))


# -- systemd itself


def _installed(folder: Path, spec: ServiceSpec, unit: str = "hermes-gateway") -> Path:
    path = folder / f"{unit}.service"
    drop_in = folder / f"{unit}.service.d/50-hermes-profiles.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render_unit(spec))
    drop_in.write_bytes(render_drop_in(spec, base=render_unit(spec)))
    return path


def _runnable(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", ["plain", *AWKWARD])
def test_systemd_accepts_units_with_awkward_paths(tmp_path: Path, short_folder: Path, name: str) -> None:
    spec = awkward_spec(name, tmp_path.resolve())._replace(limits=Limits(2**29, 50), watchdog=30)
    for program in (spec.program.python, spec.prestart[0]):
        _runnable(Path(program))
    assert verify_units([_installed(tmp_path / "units", spec)], short_folder) == ""


def test_systemd_complains_about_unit_without_quotes(tmp_path: Path, short_folder: Path) -> None:
    spec = awkward_spec('quo"ted', tmp_path.resolve())
    unit = tmp_path / "hermes-gateway.service"
    unit.write_bytes(render_unit_unquoted(spec))
    assert verify_units([unit], short_folder) != ""


# A gateway that records its arguments and variables, and ends on TERM as Hermes does: cleanly if the stop was planned.
_FAKE = """\
#!/bin/sh
case $3 in */cgroup_cleanup|gateway.cgroup_cleanup) exit 0;; esac
[ "$2" = hermes_cli.main ] || exit 0
trap 'grep -q "\\"target_pid\\": $$," "$HERMES_HOME/.gateway-planned-stop.json" && exit 0; exit 1' TERM
{ printf '%s\\0' "$0" "$@"; printf '\\0\\0'; env -0; } >"$HERMES_HOME/told.new"
pwd >"$HERMES_HOME/folder"
mv "$HERMES_HOME/told.new" "$HERMES_HOME/told"
while :; do sleep 0.05; done
"""
_PRESTART = '#!/bin/sh\nprintf %s "$1 $2" >"$HERMES_HOME/prestart"\n'
_SESSION = r"""
set -u
systemctl --user set-environment TELEGRAM_BOT_TOKEN=another-profile LANG=C.UTF-8
systemctl --user daemon-reload
systemctl --user start --no-block "$@"
for folder in homes/*; do
  n=0
  until [ -e "$folder/told" ]; do n=$((n + 1)); [ $n -lt 400 ] || exit 9; sleep 0.05; done
done
systemctl --user stop "$@"
systemctl --user show -p Id,ActiveState,Result,NRestarts "$@"
"""


@pytest.mark.systemd
def test_a_real_systemd_runs_every_awkward_path_and_calls_a_stop_clean(tmp_path: Path) -> None:
    user_home = tmp_path.resolve()
    (user_home / "homes").mkdir()
    specs: dict[str, ServiceSpec] = {}
    for number, name in enumerate(AWKWARD):
        unit = f"hermes-gateway-n{number}"
        spec = awkward_spec(name, user_home)
        spec.home.mkdir(parents=True)
        (user_home / "homes" / str(number)).symlink_to(spec.home)
        for program, script in ((spec.program.python, _FAKE), (spec.prestart[0], _PRESTART)):
            Path(program).parent.mkdir(parents=True, exist_ok=True)
            Path(program).write_text(script)
            Path(program).chmod(0o755)
        _installed(user_home / ".config/systemd/user", spec, unit=unit)
        specs[unit] = spec
    (user_home / "session.sh").write_text(_SESSION)
    done = run_under_systemd(user_home / "session.sh", user_home, *specs, python="/bin/sh")
    assert done.returncode == 0, done.stderr
    shown = [dict(line.split("=", 1) for line in block.splitlines()) for block in done.stdout.strip().split("\n\n")]
    ends = {each["Id"].removesuffix(".service"): (each["ActiveState"], each["Result"]) for each in shown}
    assert ends == dict.fromkeys(specs, ("inactive", "success"))
    for spec in specs.values():
        words, _, variables = (spec.home / "told").read_bytes().decode().partition("\0\0\0")
        assert tuple(words.split("\0")) == spec.pinned_command
        told = dict(each.split("=", 1) for each in variables.split("\0") if each)
        assert {name: told.get(name) for name, _ in spec.environment} == dict(spec.environment)
        assert "TELEGRAM_BOT_TOKEN" not in told and told["LANG"] == "C.UTF-8" and told["INVOCATION_ID"]
        assert (spec.home / "folder").read_bytes().decode() == f"{spec.home}\n"
        assert (spec.home / "prestart").read_bytes().decode() == " ".join(spec.prestart[1:])
