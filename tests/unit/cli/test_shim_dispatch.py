"""Arguments of `hermes` under the shim: which program handles them, and for which profile."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import COMMAND, Done
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.cli.hermes_args import chosen_profile, dispatch

SCRIPT = "#!/bin/sh\nprintf 'real'\nprintf ' <%s>' \"$@\"\nprintf '\\n'\nexit {code}\n"


def words_of(line: str) -> tuple[str, tuple[str, ...]]:
    choice = dispatch(line.split())
    return choice.program, choice.words


@pytest.mark.parametrize(("line", "program", "words"), [
    ("profile", "hermes", "profile"),
    ("profile -h", "hermes", "profile -h"),
    ("profile --help", "hermes", "profile --help"),
    ("-p work profile", "hermes", "-p work profile"),
    ("profile list", "profiles", "list"),
    ("profile list --json", "profiles", "list --json"),
    ("profile create b --clone", "profiles", "create b --clone"),
    ("profile create --help", "profiles", "create --help"),
    ("profile delete b -y", "profiles", "delete b -y"),
    ("profile undo", "profiles", "undo"),
    ("profile config get work model", "profiles", "config get work model"),
    ("profile export b -o x", "hermes", "profile export b -o x"),
    ("profile frob", "hermes", "profile frob"),
    ("profile from-hermes x", "hermes", "profile from-hermes x"),
    ("profile list --all", "hermes", "profile list --all"),
    ("profile show a b --frob", "hermes", "profile show a b --frob"),
    ("profiles", "profiles", ""),
    ("profiles --help", "profiles", "--help"),
    ("profiles frob", "profiles", "frob"),
    ("profiles list --frob", "profiles", "list --frob"),
    ("gateways", "gateways", ""),
    ("gateways --help", "gateways", "--help"),
    ("gateways frob", "gateways", "frob"),
    ("gateways stop work", "gateways", "stop work"),
    ("gateway stop", "hermes", "gateway stop"),
    ("doctor", "doctor", "doctor"),
    ("doctor --fix", "doctor", "doctor --fix"),
    ("-p work doctor --fix", "doctor", "-p work doctor --fix"),
    ("doctor --help", "hermes", "doctor --help"),
    ("doctor -h --fix", "hermes", "doctor -h --fix"),
    ("doctor --ack X", "hermes", "doctor --ack X"),
    ("doctor --ack=X --fix", "hermes", "doctor --ack=X --fix"),
    # A profile option before and after the command.
    ("-p work gateways status", "gateways", "status work"),
    ("--profile=work gateways restart --rolling", "gateways", "restart --rolling work"),
    ("gateways status --json -p work", "gateways", "status --json work"),
    ("-p work gateways stop work", "gateways", "stop work"),
    ("-p work gateways group team", "gateways", "group team work"),
    ("-p work gateways print", "gateways", "print work"),
    ("-p work gateways status --help", "gateways", "status --help"),
    ("-p work gateways", "gateways", ""),
    ("-p work profile create b --clone", "profiles", "create --clone-from work b --clone"),
    ("-p default profile create b --clone-all", "profiles", "create --clone-from default b --clone-all"),
    ("-p work profile create b --clone-from c", "profiles", "create b --clone-from c"),
    ("-p work profile create b", "profiles", "create b"),
    ("-p work profile explain X", "profiles", "explain --profile work X"),
    ("-p work profile doctor", "profiles", "doctor work"),
    ("-p work profile show night", "profiles", "show night"),
    ("-p work profile delete", "profiles", "delete"),
    # Abbreviated options, as argparse accepts them.
    ("profile create b --clone-f c", "profiles", "create b --clone-from c"),
    ("profile create b --clone-a --desc=x", "profiles", "create b --clone-all --description=x"),
    ("profile delete b --y", "profiles", "delete b --yes"),
    ("profile create b --no-", "hermes", "profile create b --no-"),
    ("profile alias b --rem --na x", "profiles", "alias b --remove --name x"),
    # Values that Hermes does not accept as a profile.
    ("-p no:xdist profile list", "hermes", "-p no:xdist profile list"),
    ("--profile=WORK gateways stop", "hermes", "--profile=WORK gateways stop"),
    ("profile list -p", "hermes", "profile list -p"),
    ("-p a -p b profile list", "hermes", "-p a -p b profile list"),
])  # fmt: skip
def test_arguments_are_dispatched_to_their_program(line: str, program: str, words: str) -> None:
    assert words_of(line) == (program, tuple(words.split()))


@pytest.mark.parametrize("line", [
    "-p work gateways stop night", "-p work gateways stop work night", "-p work gateways restart --group team",
    "-p work profile doctor night", "gateways stop night -p work",
])  # fmt: skip
def test_contradicting_arguments_run_no_program(line: str) -> None:
    choice = dispatch(line.split())
    assert choice.program == "none" and choice.problem is not None and "work" in choice.problem.message


def test_second_profile_argument_is_error() -> None:
    assert words_of("-p a gateways stop -p b") == ("gateways", ("stop", "-p", "b")), "`stop` has no -p: a usage error"


def test_unsafe_clone_is_warned_about() -> None:
    choice = dispatch(["profile", "create", "b", "--clone", "--new-option"])
    assert choice.program == "hermes" and choice.note is not None and "bots" in choice.note
    assert dispatch(["profile", "create", "b", "--new-option"]).note is None


_PIECES = ["-p", "--profile", "--profile=a", "--profile=", "a", "B!", "--", "-m", "-c", "-x", "-z"]


@given(st.lists(st.sampled_from(_PIECES)))
def test_other_arguments_keep_their_order(words: list[str]) -> None:
    taken = chosen_profile(words)
    if taken is not None:
        profile, rest = taken
        assert len(words) - len(rest) in ((0,) if profile is None else (1, 2))
        left = iter(words)
        assert all(word in left for word in rest)


# --- execution ------------------------------------------------------------------------------------------------------


@pytest.fixture
def real(world: CommandRoot) -> Path:
    path = world.user / "hermes"
    path.write_text(SCRIPT.format(code=0))
    path.chmod(0o755)
    return path


def handed(world: CommandRoot, real: Path | str, line: str, code: int = 0) -> Done:
    done = world.run("from-hermes", str(real), *line.split())
    assert done.code == code, done
    return done


def test_other_commands_exec_hermes(world: CommandRoot, real: Path) -> None:
    assert handed(world, real, "profile export b").stdout == "real <profile> <export> <b>\n"
    real.write_text(SCRIPT.format(code=9))
    assert handed(world, real, "profile frob", 9).stderr == ""
    done = handed(world, "", "profile export b", 127)
    assert "no other hermes" in done.stderr and done.stdout == ""
    assert "nowhere" in handed(world, "/nowhere/hermes", "profile export b", 126).stderr


def test_profiles_and_gateways_work_without_hermes(world: CommandRoot) -> None:
    assert handed(world, "", "profile list --names").stdout == "default\n"
    assert "default" in handed(world, "", "gateways status").stdout
    assert "Usage: hermes-gateways" in handed(world, "", "gateways --help").stdout


def test_clone_uses_named_profile(world: CommandRoot) -> None:
    world.ok("create", "work", "--no-alias")
    (world.home("work") / ".env").write_text("OPENAI_API_KEY=sk-CANARY-of-work\n")
    handed(world, "", "-p work profile create night --clone --no-alias")
    assert "of-work" in (world.home("night") / ".env").read_text()
    world.ok("use", "work")
    handed(world, "", "-p default profile create third --clone --no-alias")
    assert "of-work" not in (world.home("third") / ".env").read_text(), "the sticky profile was not selected"


def test_missing_profile_stops_all_programs(world: CommandRoot, real: Path) -> None:
    before = world.picture()
    for line in ("profile list", "gateways status", "doctor", "profile create b", "profile explain X"):
        done = handed(world, real, f"-p nosuch {line}", 5)
        assert "nosuch" in done.stderr and done.stdout == ""
    assert handed(world, real, "-p nosuch profile list --json", 5).problem["target"] == "nosuch"
    assert handed(world, real, "-p work gateways stop night --json", 2).problem["code"] == "usage"
    assert world.picture() == before


def test_doctor_runs_both_and_exits_with_worse_code(world: CommandRoot, real: Path) -> None:
    world.make("work")
    done = handed(world, real, "doctor", 3)  # two profiles with one bot
    assert done.stdout.startswith("real <doctor>\n") and "conflicts.shared-identity" in done.stdout
    assert "hermes-profiles doctor" in done.stdout
    real.write_text(SCRIPT.format(code=1))
    assert "conflicts.shared-identity" in handed(world, real, "doctor --fix", 1).stdout
    assert handed(world, real, "-p work doctor", 1).stdout.startswith("real <-p> <work> <doctor>\n")


@pytest.mark.parametrize("code", [2, 64, 126, 130, 143])
def test_failed_hermes_doctor_skips_second_doctor(world: CommandRoot, real: Path, code: int) -> None:
    real.write_text(SCRIPT.format(code=code))
    assert handed(world, real, "doctor", code).stdout == "real <doctor>\n"


def test_unavailable_hermes_doctor_is_reported(world: CommandRoot, real: Path) -> None:
    real.chmod(0o600)
    assert "permission denied" in handed(world, real, "doctor", 126).stderr


def test_other_options_of_the_doctor_go_to_hermes_alone(world: CommandRoot, real: Path) -> None:
    for line in ("doctor --ack X", "doctor --help"):
        assert len(handed(world, real, line).stdout.splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_both_doctors(world: CommandRoot, real: Path, number: signal.Signals, code: int) -> None:
    real.write_text("#!/bin/sh\necho $$\nexec sleep 60\n")
    process = subprocess.Popen(
        [*COMMAND, "from-hermes", str(real), "doctor"], env=world.runner.environment, cwd=world.user,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    child = int(process.stdout.readline())
    if number is signal.SIGINT:  # a terminal sends it to both
        subprocess.run([sys.executable, "-c", f"import os; os.killpg({process.pid}, 2)"], check=True)
    else:
        process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == code and out == ""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/stat").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}/stat").exists()


def test_signals_that_python_ignores_are_not_ignored_in_hermes(world: CommandRoot, real: Path) -> None:
    real.write_text("#!/bin/sh\ngrep SigIgn /proc/self/status\n")
    done = handed(world, real, "profile export b")
    assert int(done.stdout.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0, done.stdout
