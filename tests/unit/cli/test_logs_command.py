"""`hermes-gateways logs`: read, filtered, followed, piped, interrupted, and always redacted."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_root import OPENAI, SLACK, TOKEN, CommandRoot
from command_runner import GATEWAYS, Runner, assert_no_canary
from nightly import NIGHTLY

# Writes numbered lines like Hermes, through Python's rotating handler; `cut`: empties its log at intervals,
# after readers had time to read it.
WRITER = """
import logging, logging.handlers, os, sys, time
path, count, size, cut, secret = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), os.environ["SAID"]
handler = logging.handlers.RotatingFileHandler(path, maxBytes=size, backupCount=3)
handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
log = logging.getLogger("gateway.run")
log.addHandler(handler)
log.setLevel(logging.INFO)
for number in range(count):
    log.info("line %d%s", number, " with " + secret if number % 500 == 0 else "")
    if cut and number % cut == cut - 1:
        open(path + ".wait", "w").close()
        while os.path.exists(path + ".wait"):
            time.sleep(0.01)
        handler.stream.truncate(0)
"""


def line(second: float, text: str, level: str = "INFO", logger: str = "gateway.run") -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_795_281_600 + second))
    return f"{stamp},{int(second % 1 * 1000):03d} {level} {logger}: {text}\n"


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    found = CommandRoot(runner)
    found.make()
    for name in ("family", "work"):
        found.make(name, {"config.yaml": "model:\n  default: gpt-5\n"})
        (found.home(name) / "logs").mkdir()
    (found.root / "logs").mkdir()
    return found


def log(world: CommandRoot, profile: str, name: str = "gateway.log") -> Path:
    return world.home(profile) / "logs" / name


@pytest.fixture
def written(world: CommandRoot) -> CommandRoot:
    log(world, "default").write_text(
        line(1, "one") + line(4, "boom", "ERROR") + "Traceback (most recent call last):\n  x\n"
    )
    log(world, "family").write_text(line(2, "two", "WARNING") + line(5, "five"))
    log(world, "work").write_text(line(3, "three", "DEBUG", "plugins.platforms.x"))
    return world


def texts(world: CommandRoot, *words: str) -> list[str]:
    done = world.runner.gateways("logs", *words, "--json")
    assert done.code == 0, done
    return [json.loads(each)["text"].split("\n")[0] for each in done.stdout.splitlines()]


def test_logs_of_all_profiles_are_ordered_by_time(written: CommandRoot) -> None:
    done = written.runner.gateways("logs")
    assert done.stdout.splitlines() == [
        "default | 2026-11-21 17:20:01 INFO gateway.run: one",
        "family  | 2026-11-21 17:20:02 WARNING gateway.run: two",
        "work    | 2026-11-21 17:20:03 DEBUG plugins.platforms.x: three",
        "default | 2026-11-21 17:20:04 ERROR gateway.run: boom",
        "default | Traceback (most recent call last):",
        "default |   x",
        "family  | 2026-11-21 17:20:05 INFO gateway.run: five",
    ]
    assert done.code == 0 and done.stderr == ""


def test_json_log_lines_match_contract(written: CommandRoot) -> None:
    rows = [json.loads(each) for each in written.runner.gateways("logs", "--json").stdout.splitlines()]
    assert rows[3] == {
        "profile": "default", "time": "2026-11-21T17:20:04.000+00:00", "level": "error", "logger": "gateway.run",
        "session": None, "source": "gateway.log", "text": "boom\nTraceback (most recent call last):\n  x",
    }  # fmt: skip


@pytest.mark.parametrize(("words", "wanted"), [
    (["-n", "2"], ["boom", "five"]), (["-n", "0"], []), (["work"], ["three"]),
    (["work", "family", "-n", "1"], ["five"]),
    (["--except", "default"], ["two", "three", "five"]), (["--level", "warning"], ["two", "boom"]),
    (["--error"], ["boom"]), (["--error", "--level", "error"], ["boom"]), (["--grep", "^t"], ["two", "three"]),
    (["--grep", "TRACE", "-i"], ["boom"]), (["--grep", "plugins"], ["three"]), (["--grep", "nothing"], []),
    (["--since", "2026-11-21T17:20:04"], ["boom", "five"]), (["--until", "2026-11-21 17:20:02"], ["one", "two"]),
    (["--since", "2026-11-21T17:20:02", "-n", "1", "--until", "2026-11-21T17:20:04"], ["boom"]),
])  # fmt: skip
def test_logs_filters_select_records(written: CommandRoot, words: list[str], wanted: list[str]) -> None:
    assert texts(written, *words) == wanted


@pytest.mark.parametrize(("words", "code", "message"), [
    (["--grep", "("], 2, "not a regular expression"), (["--since", "soon"], 2, "is not a time"),
    (["--level", "loud"], 2, "is not a level"), (["--error", "--level", "info"], 2, "exclude each other"),
    (["-f", "--until", "1h"], 2, "has no end"), (["--since", "1h", "--until", "2h"], 2, "later than"),
    (["nobody"], 5, "no profile"), (["--group", "none"], 5, "no profile is in the group"), (["-n", "-1"], 2, "-1"),
])  # fmt: skip
def test_invalid_logs_arguments_are_refused_before_output(
    written: CommandRoot, words: list[str], code: int, message: str
) -> None:
    done = written.runner.gateways("logs", *words)
    assert (done.code, done.stdout) == (code, "") and message in done.stderr
    done = written.runner.gateways("logs", *words, "--json")
    assert done.code == code and message in done.problem["message"]


def test_logs_prints_50_records_without_since(world: CommandRoot) -> None:
    log(world, "work").write_text("".join(line(number, str(number)) for number in range(120)))
    assert texts(world) == [str(number) for number in range(70, 120)]
    assert len(texts(world, "--since", "2026-11-21")) == 120


@pytest.mark.parametrize("words", [[], ["work"], ["--json"]])
def test_missing_logs_are_no_error(world: CommandRoot, words: list[str]) -> None:
    done = world.runner.gateways("logs", *words)
    assert (done.code, done.stdout) == (0, "") and "no log yet" in done.stderr
    assert "hermes-gateways install --start" in done.stderr


def test_no_matching_record_is_reported(written: CommandRoot) -> None:
    assert "no record matches" in written.runner.gateways("logs", "--grep", "nothing").stderr


@pytest.mark.parametrize("what", ["folder", "fifo"])
def test_unreadable_log_is_warning(written: CommandRoot, what: str) -> None:
    path = log(written, "work")
    path.unlink()
    path.mkdir() if what == "folder" else os.mkfifo(path)
    done = written.runner.gateways("logs")
    assert done.code == 0 and len(done.stdout.splitlines()) == 6
    assert done.stderr.count("warning: ") == 1 and str(path) in done.stderr and "hint: " in done.stderr


@pytest.mark.parametrize("is_link", [True, False])
def test_no_owner_is_changed_through_a_link(
    is_link: bool, written: CommandRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log(written, "work")
    if is_link:
        path.unlink()
        path.symlink_to("/etc/passwd")
    really = os.open

    def denied(name: object, *rest: int, **named: int) -> int:
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return really(name, *rest, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr("os.open", denied)
    done = written.runner.gateways("logs")
    assert str(path) in done.stderr and ("sudo chown -h" in done.stderr) is not is_link and "chown $" not in done.stderr


def test_control_bytes_in_logs_are_escaped(world: CommandRoot) -> None:
    log(world, "work").write_bytes(
        line(1, "").encode()[:-1]
        + b"\x1b[2J\x1b]0;x\x07red \xff\xfe \x00 \x07\x9b \xe2\x80\xae end\r\n"
        + line(2, "x" * 10**6).encode()
    )
    done = world.runner.gateways("logs")
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout) is None and "red" in done.stdout
    assert "a very long line" in done.stdout and len(done.stdout) < 200_000
    rows = [json.loads(each) for each in world.runner.gateways("logs", "--json").stdout.splitlines()]
    assert len(rows) == 2


@pytest.mark.parametrize("secret", [TOKEN, SLACK, OPENAI, "xapp-CANARY-0000000", "Bearer CANARYabcdefgh", "https://u:CANARY123@h/",
                                  "-----BEGIN PRIVATE KEY-----\nCANARYabc\n-----END PRIVATE KEY-----"])  # fmt: skip
@pytest.mark.parametrize("words", [[], ["--json"], ["--since", "2026-11-21"], ["--grep", "said"]])
def test_secrets_of_other_profiles_are_redacted(world: CommandRoot, secret: str, words: list[str]) -> None:
    """The secrets are from default, the log is from work."""
    log(world, "work").write_text(line(1, f"said {secret} and went"))
    done = world.runner.gateways("logs", *words)  # the runner fails on a canary in the output
    assert "said " in done.stdout


def test_partial_secret_at_end_of_log_is_redacted(world: CommandRoot) -> None:
    for size in range(12, len(TOKEN)):
        log(world, "work").write_text(line(1, "first") + line(2, "with " + TOKEN[:size]).rstrip())
        done = world.runner.gateways("logs")
        assert TOKEN[:10] not in done.stdout and re.search("with <(cut )?secret>", done.stdout)


@pytest.mark.parametrize("place", [60_000, 65_530, 65_540, 69_600, 69_640])
def test_secret_at_cut_of_long_line_is_redacted(world: CommandRoot, place: int) -> None:
    log(world, "work").write_text(line(1, "x" * place + TOKEN + "y" * 10**5))
    assert "7100000001" not in world.runner.gateways("logs").stdout


@pytest.mark.parametrize("step", range(0, 44, 4))
def test_long_line_of_secrets_is_fully_redacted(world: CommandRoot, step: int) -> None:
    """The redacted line is shorter than the part that was read."""
    for letter in ("x", "é"):
        log(world, "work").write_text(line(1, letter * step + f" {TOKEN}" * 5_000))
        for words in ((), ("--json",), ("--since", "2026-11-21")):
            output = world.runner.gateways("logs", *words).stdout
            assert "7100" not in output and "a very long line" in output


# -- followed


@contextmanager
def following(world: CommandRoot, *words: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run `logs -f` until the block ends; it follows before the block begins."""
    options = {"stdout": subprocess.PIPE, "start_new_session": True} | options
    with world.runner.process("logs", "-f", *words, command=GATEWAYS, **options) as process:
        try:
            wait_until(lambda: _has_begun(process.pid))
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _has_begun(pid: int) -> bool:
    """Return whether a process sleeps between two polls, with its logs open or without any."""
    try:
        with open(f"/proc/{pid}/wchan") as file, open(f"/proc/{pid}/syscall") as call:
            return "nanosleep" in file.read() or call.read().split()[0] in ("230", "115")
    except PermissionError:  # then enough time has passed
        time.sleep(2)
        return True


def wait_until(what: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


class Reader:
    """Collects the output of a process while it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.lines: list[str] = []
        assert process.stdout is not None
        self._stream = process.stdout
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for raw in self._stream:
            self.lines.append(raw.decode().rstrip("\n"))

    def end(self) -> list[str]:
        self._thread.join(10)
        return self.lines


def test_follow_prints_new_records_until_ctrl_c(written: CommandRoot) -> None:
    with following(written, "-n", "1") as process:
        reader = Reader(process)
        with open(log(written, "work"), "a") as file:
            file.write(line(9, "nine"))
        log(written, "family", "gateway.error.log").write_text("Bus error\n")
        wait_until(lambda: len(reader.lines) == 3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130 and process.stderr is not None
        assert process.stderr.read() == b""
    assert reader.end()[0].endswith("five") and {each.split()[-1] for each in reader.lines[1:]} == {"nine", "error"}


def test_follow_handles_added_and_removed_profiles(written: CommandRoot) -> None:
    with following(written, "-n", "0", "--json") as process:
        reader = Reader(process)
        fresh = written.make("fresh", {"config.yaml": "", "logs/gateway.log": line(1, "born")})
        wait_until(lambda: len(reader.lines) == 1)
        import shutil

        shutil.rmtree(fresh)
        shutil.rmtree(written.home("family"))
        time.sleep(2.5)
        log(written, "work").write_text(line(1, "still here"))
        wait_until(lambda: len(reader.lines) == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert [json.loads(each)["text"] for each in reader.end()] == ["born", "still here"]


def test_follow_redacts_secret_set_during_follow(written: CommandRoot) -> None:
    with following(written, "-n", "0") as process:
        reader = Reader(process)
        (written.home("work") / ".env").write_text("SOME_API_KEY=CANARYnewCANARYnew\n")
        time.sleep(1.5)
        with open(log(written, "work"), "a") as file:
            file.write(line(9, "with CANARYnewCANARYnew"))
        wait_until(lambda: reader.lines)
    assert reader.end()[0].endswith("with <SOME_API_KEY>")


def test_follow_into_closed_pipe_ends_without_message(written: CommandRoot) -> None:
    words = " ".join(GATEWAYS)
    for follow in ("", "-f"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {words} logs {follow} | head -n 1"], env=written.runner.environment,
            cwd=written.user, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0 and done.stderr == "" and len(done.stdout.splitlines()) == 1


def test_full_disk_during_logs_is_reported(written: CommandRoot) -> None:
    with open("/dev/full", "wb") as full:
        done = written.runner.run("logs", command=GATEWAYS, stdout=full)
    assert done.code == 1 and "cannot write the answer" in done.stderr


@pytest.mark.parametrize(("environment", "has_colours"), [
    ({"TERM": "xterm", "NO_COLOR": ""}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb", "NO_COLOR": ""}, False),
])  # fmt: skip
def test_logs_colours_only_supporting_terminals(
    written: CommandRoot, environment: dict[str, str], has_colours: bool
) -> None:
    import pty

    ours, theirs = pty.openpty()
    with written.runner.process("logs", command=GATEWAYS, env=environment, stdout=theirs) as process:
        os.close(theirs)
        found = b""
        try:
            while block := os.read(ours, 65536):
                found += block
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        process.wait(10)
    assert (b"\x1b[" in found) is has_colours and b"three" in found
    heads = set(re.findall(rb"\x1b\[(\d+)mwork", found))
    assert len(heads) == (1 if has_colours else 0)


def _memory(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return next(int(each.split()[1]) * 1024 for each in file if each.startswith("VmRSS"))


def test_follow_loses_no_record_of_fast_rotating_logs(world: CommandRoot, tmp_path: Path) -> None:
    """Two gateways write many lines each, rotate and empty their logs: every line once, in order."""
    out, count = tmp_path / "followed", 100_000 if NIGHTLY else 20_000
    rotated, cut = 20 * count, count * 2 // 5  # bytes of a file, lines between two truncations
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    before = after = 0
    with ExitStack() as stack:
        stream = stack.enter_context(open(out, "wb"))
        process = stack.enter_context(following(world, "-n", "0", "--json", stdout=stream))
        before = _memory(process.pid)
        writers = [
            subprocess.Popen(
                [sys.executable, str(script), str(log(world, name)), str(count), str(rotated), str(cut)],
                env={"SAID": TOKEN, "PATH": os.environ["PATH"], "TZ": "UTC"},
            )
            for name in ("work", "family")
        ]
        seen = {"work": -1, "family": -1}
        followed = stack.enter_context(open(out, "rb"))
        try:
            deadline = time.monotonic() + 100
            while min(seen.values()) < count - 1 and time.monotonic() < deadline:
                for raw in followed.read().splitlines(keepends=True):
                    if not raw.endswith(b"\n"):
                        followed.seek(-len(raw), os.SEEK_CUR)
                        break
                    row = json.loads(raw)
                    number = int(row["text"].split()[1])
                    assert number == seen[row["profile"]] + 1, f"{row['profile']}: {number} follows {seen}"
                    seen[row["profile"]] = number
                    # The writer can empty its log or continue once all is read.
                    if number % cut == cut - 1:
                        Path(f"{log(world, row['profile'])}.wait").unlink()
                after = max(after, _memory(process.pid))
                time.sleep(0.05)
            assert min(seen.values()) == count - 1, seen
            time.sleep(1)
            assert not followed.read(), "a record was printed twice"
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
    assert after - before < 30_000_000, f"it grew by {(after - before) / 1e6} MB"
    content = out.read_bytes()
    assert_no_canary(content, "what was followed")
    assert content.count(b"<TELEGRAM_BOT_TOKEN>") == 2 * count // 500
    times = [json.loads(each)["time"] for each in content.splitlines()]
    # A writer delayed between reading the clock and writing the line is out of order for any reader.
    assert sum(one > other for one, other in itertools.pairwise(times)) <= 5
