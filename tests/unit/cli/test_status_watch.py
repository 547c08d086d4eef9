"""`status --watch` on real terminals of many sizes: its frames, signals and the restored terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from command_runner import GATEWAYS, assert_no_canary
from gateway_root import GatewayRoot, until
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from hermes_profiles.cli.framework import live_table
from hermes_profiles.cli.framework.live_table import COLUMNS, View, lines
from hermes_profiles.cli.framework.screen import STATE_STYLES

HEADERS = [column.title for column in COLUMNS]
SEQUENCE = re.compile(rb"\x1b\[(\??)([\d;]*)([a-zA-Z])")
ENTER, LEAVE, HIDE, SHOW = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h"


class Terminal:
    """A terminal with a running command; its screen accepts only the escape codes of the command."""

    def __init__(self, fleet: GatewayRoot, *words: str, rows: int = 24, columns: int = 80, **env: str) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.modes = termios.tcgetattr(self.slave)
        self.output = b""
        environment = {**fleet.runner.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8", **env}
        if "NO_COLOR" not in env:
            environment.pop("NO_COLOR", None)
        command = words or (*GATEWAYS, "status", "--watch", "--interval", "0.2")
        self.process = subprocess.Popen(
            command, env=environment, cwd=fleet.user, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def resize(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def read(self, seconds: float = 0.02) -> None:
        while select.select([self.master], [], [], seconds)[0]:
            self.output += os.read(self.master, 65536)
            seconds = 0.0

    def see(self, what: Callable[[list[str]], object]) -> list[str]:
        """Return the screen once a condition on it holds."""
        deadline = time.monotonic() + 20
        while True:
            self.read()
            screen = self.screen()
            if screen and what(screen):
                return screen
            assert time.monotonic() < deadline, "\n".join(screen) or self.output
            assert self.process.poll() is None, self.output

    def screen(self) -> list[str]:
        """Return the lines of the last complete frame; asserts no clearing and no long line."""
        frames = self.frames()
        return [line.rstrip() for line in frames[-1]] if frames else []

    def frames(self) -> list[list[str]]:
        shown = self.output.rpartition(ENTER)[2].partition(LEAVE)[0]
        found = []
        for part in shown.split(b"\x1b[H")[2:]:
            for private, _, letter in SEQUENCE.findall(part):
                assert letter == b"m" or (private and letter in b"hl"), part
            plain = SEQUENCE.sub(b"", part).decode()
            assert "\x1b" not in plain
            found.append(plain.replace("\r\n", "\n").split("\n"))
        return [frame for frame in found if len(frame) >= self.rows or frame is not found[-1]]

    def end(self, how: Callable[[], object]) -> int:
        """End the command and return its exit code; the terminal modes must be restored."""
        how()
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        code = self.process.wait(1)
        self.read(0.1)
        assert termios.tcgetattr(self.slave) == self.modes, "the modes of the terminal were not restored"
        assert self.output.count(ENTER) == self.output.count(LEAVE) > 0 and self.output.count(
            HIDE
        ) == self.output.count(SHOW)
        assert self.output.rindex(SHOW) > self.output.rindex(HIDE) and b"\x1b[?7h" in self.output
        assert b"Traceback" not in self.output
        assert_no_canary(self.output, "the terminal")
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for each in (self.master, self.slave):
            try:
                os.close(each)
            except OSError:
                continue


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    found: list[Terminal] = []
    yield found
    for each in found:
        each.close()


def q(terminal: Terminal) -> Callable[[], object]:
    return lambda: terminal.type(b"q")


@pytest.mark.parametrize("size", [(5, 20), (10, 40), (24, 80), (60, 200)], ids=lambda size: f"{size[1]}x{size[0]}")
def test_watch_at_every_size_shows_rows_without_wrapping(
    fleet: GatewayRoot, terminals: list[Terminal], size: tuple[int, int]
) -> None:
    log = fleet.home("work") / "logs/gateway.log"
    log.parent.mkdir()
    log.write_text(f"2026-11-21 10:00:00,000 INFO gateway.run: {'a long line ' * 40}\n")
    terminals.append(Terminal(fleet, rows=size[0], columns=size[1]))
    screen = terminals[0].see(lambda screen: any("stopped" in line for line in screen))
    assert len(screen) <= size[0] and all(cell_len(line) <= size[1] for line in screen)
    assert [line.split()[:2] for line in screen if "stopped" in line] == [
        ["default", "stopped"], ["night", "stopped"], ["work", "stopped"],
    ]  # fmt: skip
    assert any("a long line" in line for line in screen) == (size[1] >= 80)
    assert any("last log line" in line for line in screen) == (size[1] >= 80)
    assert terminals[0].end(q(terminals[0])) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_watch_on_signal_exits_with_its_code_and_restores_terminal(
    fleet: GatewayRoot, terminals: list[Terminal], number: signal.Signals, code: int
) -> None:
    terminals.append(terminal := Terminal(fleet))
    terminal.see(lambda screen: "running" in screen[0])
    assert terminal.end(lambda: terminal.process.send_signal(number)) == code


def test_watch_keeps_ignored_signal_ignored(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    words = ("/bin/sh", "-c", "trap '' HUP; exec \"$@\" </dev/null", "sh", *GATEWAYS, "status", "--watch")
    terminals.append(terminal := Terminal(fleet, *words))
    terminal.see(lambda screen: "running" in screen[0])
    terminal.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert terminal.process.poll() is None
    assert terminal.end(lambda: terminal.type(b"\x03")) == 130, "also without a keyboard"


def test_watch_exits_130_on_ctrl_c_and_ends_on_ctrl_d(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    for keys, code in ((b"\x03", 130), (b"\x04", 0), (b"xyz Q", 0)):
        terminals.append(terminal := Terminal(fleet))
        terminal.see(lambda screen: "running" in screen[0])
        assert terminal.end(lambda: terminal.type(keys)) == code  # noqa: B023


@pytest.mark.parametrize("before", [(), ("/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh")], ids=["", "nohup"])
def test_watch_ends_when_terminal_closes(
    fleet: GatewayRoot, terminals: list[Terminal], before: tuple[str, ...]
) -> None:
    terminals.append(terminal := Terminal(fleet, *before, *GATEWAYS, "status", "--watch"))
    terminal.see(lambda screen: "running" in screen[0])
    os.close(terminal.slave)
    os.close(terminal.master)
    assert terminal.process.wait(20) == 129


def test_watch_q_exits_with_code_of_status(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    fleet.gok("install", "work", "--start")
    terminals.append(terminal := Terminal(fleet))
    row = terminal.see(lambda screen: any(line.startswith("work") and "running" in line for line in screen))
    assert re.search(r"work +running +\d+s +\d+ MB +0", "\n".join(row))
    fleet.gok("stop", "work")
    terminal.see(lambda screen: any(line.startswith("work") and "stopped" in line for line in screen))
    assert terminal.end(q(terminal)) == 3 == fleet.gateways("status").code


def test_watch_continues_with_unreachable_manager(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(fleet, HERMES_PROFILES_MANAGER="systemd"))
    screen = terminal.see(lambda screen: any("error: " in line for line in screen))
    assert any(line.startswith("work") for line in screen)
    seen = len(terminal.frames())
    terminal.see(lambda _: len(terminal.frames()) > seen + 2)
    assert terminal.end(q(terminal)) == 4


def test_watch_continues_when_manager_ends(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    fleet.gok("install", "work", "--start")
    terminals.append(terminal := Terminal(fleet))
    terminal.see(lambda screen: any(line.startswith("work") and "running" in line for line in screen))
    pid, gateway = fleet.daemon(), fleet.pid("work")
    assert pid is not None and gateway is not None
    os.kill(pid, signal.SIGKILL)
    os.kill(gateway, signal.SIGKILL)
    terminal.see(lambda screen: any(line.startswith("work") and "running" not in line for line in screen))
    fleet.gok("start", "work")
    terminal.see(lambda screen: any(line.startswith("work") and "running" in line for line in screen))
    assert terminal.end(q(terminal)) == 0


def test_watch_shows_added_and_removed_profiles(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(fleet))
    terminal.see(lambda screen: any(line.startswith("work") for line in screen))
    fleet.profile("zebra")
    terminal.see(lambda screen: any(line.startswith("zebra") for line in screen))
    fleet.ok("delete", "zebra", "--yes")
    terminal.see(lambda screen: not any(line.startswith("zebra") for line in screen))
    assert terminal.end(q(terminal)) == 0


def test_watch_reports_removed_named_profile(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    words = (*GATEWAYS, "status", "work", "--watch", "--interval", "0.2")
    terminals.append(terminal := Terminal(fleet, *words))
    terminal.see(lambda screen: any(line.startswith("work") for line in screen))
    fleet.ok("delete", "work", "--yes")
    terminal.see(lambda screen: any("error: " in line and "work" in line for line in screen))
    fleet.ok("undo")
    terminal.see(lambda screen: not any("error: " in line for line in screen))
    assert terminal.end(q(terminal)) == 0


def test_watch_redraws_after_resize(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    words = (*GATEWAYS, "status", "--watch", "--interval", "600")
    terminals.append(terminal := Terminal(fleet, *words))
    terminal.see(lambda screen: any("last log line" in line for line in screen))
    terminal.output = HIDE + ENTER + b"\x1b[H"
    terminal.resize(8, 24)
    screen = terminal.see(lambda screen: any(line.startswith("work") for line in screen))
    assert all(cell_len(line) <= 24 for line in screen) and len(screen) <= 8
    assert terminal.end(q(terminal)) == 0


def test_watch_releases_terminal_on_ctrl_z_until_fg(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(fleet, "/bin/bash", "--norc", "--noediting", "-i", PS1="ready> "))
    prompt = b"ready> "
    _until(terminal, lambda: terminal.output.endswith(prompt))
    terminal.type(f"{' '.join(GATEWAYS)} status --watch --interval 0.2\n".encode())
    _until(terminal, lambda: len(terminal.frames()) > 2)
    terminal.type(b"\x1a")
    _until(terminal, lambda: LEAVE in terminal.output and terminal.output.endswith(prompt))
    assert terminal.output.rindex(SHOW) > terminal.output.rindex(HIDE)
    terminal.type(b"stty -a | tr ' ;' '\\n\\n' | grep -x -e echo -e icanon; echo seen\n")
    _until(terminal, lambda: terminal.output.endswith(prompt) and b"seen\r\n" in terminal.output)
    assert b"icanon\r\necho\r\nseen" in terminal.output
    terminal.output = b""
    terminal.type(b"fg\n")
    _until(terminal, lambda: len(terminal.frames()) > 2)
    terminal.type(b"q")
    _until(terminal, lambda: terminal.output.endswith(prompt) and LEAVE in terminal.output)
    terminal.type(b"echo code $?\n")
    _until(terminal, lambda: b"code 0\r\n" in terminal.output)
    terminal.type(b"exit\n")
    terminal.process.wait(20)


def _until(terminal: Terminal, what: Callable[[], object]) -> None:
    def refresh() -> object:
        terminal.read()
        return what()

    until(refresh)


def test_colours_and_no_colours(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    fleet.gok("install", "work", "--start")
    for env, has_colour in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminals.append(terminal := Terminal(fleet, **env))
        terminal.see(lambda screen: any("running" in line for line in screen))
        assert (b"\x1b[32mrunning" in terminal.output) == has_colour
        assert has_colour or not re.search(rb"\x1b\[[\d;]*3\d", terminal.output)
        assert terminal.end(q(terminal)) == 0


def test_watch_frame_output_is_limited_by_screen_size(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(fleet, rows=24, columns=80))
    terminal.see(lambda _: len(terminal.frames()) > 3)
    assert len(terminal.output) / len(terminal.frames()) < 24 * 80 * 1.5
    assert terminal.end(q(terminal)) == 0


def test_watch_escapes_control_characters_of_logs(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    log = fleet.home("work") / "logs/gateway.log"
    log.parent.mkdir()
    log.write_bytes("2026-11-21 10:00:00,000 INFO x: \x1b[2J\x1b]0;evil\x07\r\tdone \u202e\x9b2J 漢字\n".encode())
    terminals.append(terminal := Terminal(fleet, columns=120))
    terminal.see(lambda screen: any("done" in line for line in screen))
    assert b"\x1b[2J" not in terminal.output and b"\x1b]0" not in terminal.output and b"\x9b" not in terminal.output
    assert terminal.end(q(terminal)) == 0


@pytest.mark.parametrize(("words", "env"), [
    (("--watch",), {}), (("--watch", "--json"), {}), (("--watch", "--interval", "0.1"), {}),
    (("--watch", "--interval", "nan"), {}), (("--interval", "3"), {}),
], ids=str)  # fmt: skip
def test_watch_without_terminal_is_usage_error(fleet: GatewayRoot, words: tuple[str, ...], env: dict[str, str]) -> None:
    done = fleet.untouched_by("status", *words, env=env)
    assert done.code == 2
    if "--json" not in words:
        assert done.stdout == "" and "hint: " in done.stderr
    elif "--watch" in words:
        assert "status --json" in done.problem["hint"]


@pytest.mark.parametrize("term", ["dumb", ""])
def test_watch_on_dumb_terminal_is_usage_error(fleet: GatewayRoot, terminals: list[Terminal], term: str) -> None:
    terminals.append(terminal := Terminal(fleet, TERM=term))
    until(lambda: terminal.process.poll() is not None)
    terminal.read()
    assert terminal.process.returncode == 2 and b"cannot draw" in terminal.output and ENTER not in terminal.output


def test_watch_with_unknown_profile_fails_before_drawing(fleet: GatewayRoot, terminals: list[Terminal]) -> None:
    terminals.append(terminal := Terminal(fleet, *GATEWAYS, "status", "nobody", "--watch"))
    until(lambda: terminal.process.poll() is not None)
    terminal.read()
    assert terminal.process.returncode == 5 and ENTER not in terminal.output


def test_watch_of_300_refreshes_leaks_nothing(fleet: GatewayRoot) -> None:
    fleet.gok("install", "work", "--start")
    script = """
import json, os, sys, threading
from hermes_profiles.cli.render import watch
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import fleet_status
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
def refresh(session, only):
    return fleet_status(session, only or session.existing)
watcher = watch.FleetWatcher(FleetSession(), refresh, 2.0)
view, seen = watcher.view(), []
for number in range(300):
    watcher._seen = watcher._seen if number % 2 else None
    view = watcher.again(view)
    assert len(view.rows) == 3 and len(view.notes) == 1 and "listens on no channel" in view.notes[0], view.notes
    if number in (99, 299):
        seen.append((rss(), len(os.listdir("/proc/self/fd")), threading.active_count()))
print(json.dumps(seen))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=fleet.runner.environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (memory, files, threads), (memory_after, files_after, threads_after) = json.loads(done.stdout)
    assert files_after <= files and threads_after <= threads
    assert memory_after - memory < 2_000_000


# -- lines

CELL = st.text(st.characters(codec="utf-8"), max_size=60)
ROW = st.tuples(
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True), st.sampled_from([*STATE_STYLES]), CELL, CELL, CELL,
    CELL, CELL,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(ROW, max_size=30),
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    notes=st.lists(CELL, max_size=4),
)
def test_frame_fits_terminal_size(rows: list[tuple[str, ...]], width: int, height: int, notes: list[str]) -> None:
    found = lines(View(tuple(rows), "a title that is long enough for many a terminal", tuple(notes)), width, height)
    assert len(found) <= height
    for line in found:
        assert line.plain.isprintable() and cell_len(line.plain) <= width


def _row(profile: str, state: str, last: str = "-") -> tuple[str, ...]:
    return (profile, state, "3h", "120 MB", "0", "telegram, slack (retrying)", last)


def _text(rows: list[tuple[str, ...]], width: int, height: int) -> list[str]:
    return [line.plain.rstrip() for line in lines(View(tuple(rows), "title"), width, height)]


def test_narrow_frame_drops_columns_but_profile_and_state() -> None:
    rows = [_row("work", "running", "INFO all is well")]
    shown = {width: [header for header in HEADERS if header in _text(rows, width, 10)[1]] for width in range(16, 110)}
    assert shown[16] == ["profile", "state"]
    for narrow, wide in zip(range(16, 109), range(17, 110), strict=True):
        assert set(shown[narrow]) <= {*shown[wide], "memory", "restarts"}
    assert shown[109] == HEADERS
    assert "INFO all is well" in _text(rows, 109, 10)[2]


def test_tall_frame_shows_the_verdict_on_two_lines_and_the_clock() -> None:
    view = View((_row("work", "running"),), "3 of 4 running; echo is deaf", clock="10:00:00, q ends")
    assert [line.plain for line in lines(view, 20, 12)][:3] == ["3 of 4 running; echo", "  is deaf", "10:00:00, q ends"]
    assert [line.plain for line in lines(view, 20, 11)][:2] == ["3 of 4 running;…", "profile  state    up"]


def test_frame_with_long_name_shows_its_state() -> None:
    (line,) = [line for line in _text([_row("a" * 64, "crash-looping")], 20, 5) if "crash" in line]
    assert line == "aaaa…  crash-looping" and len(line) == 20


def test_short_frame_shows_first_rows_and_counts_the_others() -> None:
    rows = [_row(f"p{number}", "running") for number in range(10)]
    shown = _text(rows, 80, 7)
    assert [line.split()[0] for line in shown[2:6]] == ["p0", "p1", "p2", "p3"] and shown[6] == "… and 6 more"
    assert [line.split()[0] for line in _text(rows, 80, 12)[2:]] == [f"p{number}" for number in range(10)]


def test_slow_refresh_does_not_delay_keys() -> None:
    gate, done = threading.Event(), threading.Event()

    def refresh(before: View) -> View:
        gate.wait(20)
        return before._replace(title="second")

    looker = live_table.Looker(View((), "first"), refresh, done.set)
    looker.go()
    assert looker.view().title == "first" and looker.is_at_work
    gate.set()
    assert done.wait(20) and looker.view().title == "second" and not looker.is_at_work


def test_error_in_refresh_is_raised() -> None:
    done = threading.Event()

    def refresh(_: View) -> View:
        raise ValueError("a fault")

    looker = live_table.Looker(View((), "first"), refresh, done.set)
    looker.go()
    assert done.wait(20)
    with pytest.raises(ValueError, match="a fault"):
        looker.view()
