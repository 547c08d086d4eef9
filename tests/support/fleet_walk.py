"""A random walk over real gateways under one service manager; `fleet_judge` says after each step what is true.

Run as a program: Python of real Hermes, manager, seed, steps, number of gateways, seconds. HOME belongs to the fleet
and is a small file system of its own. The last printed line is JSON: the steps that were taken, all that was wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from judged_fleet import CHANNELS, GROUP, HOME, JudgedFleet, kind_of, send_signal, short_row

UNITS = HOME / ".config/systemd/user"
_BROKEN_CONFIG = 'platforms: {telegram: [}\n"'
_BROKEN_ENV = 'BROKEN="an open quote\n'
_REPAIRED = 50  # steps from one time at which all is repaired to the next
_DOCTOR = 0.15  # how often doctor is asked after a step
_UP = 60.0  # seconds in which ten gateways that were started have to poll
Step = tuple[str, Callable[[], object]]


class FleetWalk(JudgedFleet):
    """A fleet, and random steps on it."""

    def choice(self, most: int = 1) -> list[str]:
        """Return one to `most` profiles."""
        return self.random.sample(self.names, self.random.randint(1, min(most, len(self.names))))

    def command(self) -> tuple[str, ...]:
        """Return a random command of ours."""
        verb = self.random.choice(("start", "start", "stop", "restart"))
        more = ("--yes",) if verb != "start" else ()
        if verb == "restart":
            more += self.random.choices(((), ("--start-stopped",), ("--rolling",)), (4, 2, 1))[0]
        which = self.random.choices(("one", "several", "group", "all"), (12, 4, 2, 1))[0]
        if which == "one":
            return (verb, *more, *self.choice())
        if which == "several":
            return (verb, *more, *self.choice(3))
        return (verb, *more, "--group", GROUP) if which == "group" else (verb, *more)

    def step(self, number: int) -> None:
        """Take one random step, and compare."""
        kind = self.repair_all if number % _REPAIRED == 0 else self.random.choices(*zip(*self.kinds(), strict=True))[0]
        words, act = kind()
        self.said = f"{number} {words}"
        began = time.monotonic()
        print(self.said, flush=True)
        act()
        acted = time.monotonic()
        self.compare()
        if self.random.random() < _DOCTOR:
            self.check_doctor()
        print(f"    {acted - began:.1f} + {time.monotonic() - acted:.1f} s", flush=True)

    def kinds(self) -> Iterator[tuple[Callable[[], Step], int]]:
        """Yield (how to make a step, its weight) for all steps that are possible now."""
        alive = {name: pids for name, pids in self.judge.gateways().items() if name in self.names}
        yield self.one_command, 30
        if len(alive) < len(self.names) // 2:
            yield self.start_some, 20
        if alive:
            yield lambda: self.kill(alive), 8
            yield lambda: self.suspend(alive), 4
            yield lambda: self.lose_state(alive), 4
        if self.suspended:
            yield self.resume, 8
        yield self.of_hermes, 6
        yield self.share_bot, 10
        yield self.share_port, 3
        yield self.two_commands, 6
        yield self.cut_short, 4
        yield self.full_disk, 4
        yield self.break_file, 4
        if self.broken:
            yield self.repair_file, 6
        if self.is_systemd:
            yield self.mask_unit, 3
        if self.masked:
            yield self.unmask_unit, 5
        if not self.is_systemd and self.judge.daemons():
            yield self.kill_manager, 3

    def one_command(self) -> Step:
        """Make a step of one command of ours."""
        words = self.command()
        return " ".join(words), lambda: self.ask(*words)

    def start_some(self) -> Step:
        """Make a step that starts several profiles."""
        words = ("start", *self.choice(6))
        return " ".join(words), lambda: self.ask(*words)

    def kill(self, alive: dict[str, list[int]]) -> Step:
        """Make a step that kills gateways."""
        names = self.random.sample(sorted(alive), min(len(alive), self.random.choice((1, 1, 2, 3))))
        return f"kill -9 {names}", lambda: [send_signal(pid, signal.SIGKILL) for name in names for pid in alive[name]]

    def suspend(self, alive: dict[str, list[int]]) -> Step:
        """Make a step that suspends a gateway."""
        name = self.random.choice(sorted(alive))
        self.suspended |= set(alive[name])
        return f"SIGSTOP {name}", lambda: [send_signal(pid, signal.SIGSTOP) for pid in alive[name]]

    def resume(self) -> Step:
        """Make a step that resumes all suspended gateways."""
        pids, self.suspended = self.suspended, set()
        return "SIGCONT", lambda: [send_signal(pid, signal.SIGCONT) for pid in pids]

    def lose_state(self, alive: dict[str, list[int]]) -> Step:
        """Make a step that removes the state file of a gateway."""
        name = self.random.choice(sorted(alive))
        return f"rm gateway_state.json of {name}", lambda: (self.home(name) / "gateway_state.json").unlink(True)

    def of_hermes(self) -> Step:
        """Make a step of one command of Hermes."""
        (name,), verb = self.choice(), self.random.choice(("stop", "restart"))

        def act() -> None:
            self.may_run.add(name)
            self.run_hermes(name, "gateway", verb)

        return f"hermes -p {name} gateway {verb}", act

    def share_bot(self) -> Step:
        """Make a step that gives a profile the bot or the topic of another, or its own one again."""
        channel = self.random.choice(CHANNELS)
        holds = self.holds[channel]
        changed = sorted(name for name, of in holds.items() if of != name)
        if changed and self.random.random() < 0.5:
            name = of = self.random.choice(changed)
        else:
            name, of = self.random.sample(self.names, 2)

        def act() -> None:
            holds[name] = of
            self.write_unbroken(name)
            follow()

        then, follow = self.use_of(name, of)
        return f"{name} has the {channel} of {of}{then}", act

    def use_of(self, name: str, of: str) -> Step:
        """Return what makes two gateways read their changed files: a restart, a start, a kill, or nothing."""

        def kill() -> None:
            found = self.judge.gateways()
            for pid in (*found.get(name, ()), *found.get(of, ())):
                send_signal(pid, signal.SIGKILL)

        words = self.random.choice(
            (("restart", "--yes", name), ("start", name, of), ("restart", "--yes", name, of), ())
        )
        if self.random.random() < 0.2:
            return ", kill -9 both", kill
        return (f", {' '.join(words)}", lambda: self.ask(*words)) if words else ("", lambda: None)

    def share_port(self) -> Step:
        """Make a step that gives a profile the API port of another, or its own one again."""
        name, of = self.random.sample(self.names, 2)
        of = name if self.judge.ports[name] != self.ports[name] else of

        def act() -> None:
            self.judge.ports[name] = self.ports[of]
            self.write_unbroken(name)
            follow()

        then, follow = self.use_of(name, of)
        return f"{name} has the API port of {of}{then}", act

    def write_unbroken(self, name: str) -> None:
        """Write the files of a profile, whole again."""
        self.broken = {path: content for path, content in self.broken.items() if path.parent != self.home(name)}
        self.write(name)

    def two_commands(self) -> Step:
        """Make a step of two commands of ours at once."""
        both = (self.command(), self.command())

        def act() -> None:
            for words in both:
                self.may_run |= self.selected(words) if words[0] != "stop" else set()
            running = [(words, self.begin(words)) for words in both]
            # The later one has the last word; of the other one only the profiles that are its alone.
            with ThreadPoolExecutor(len(running)) as pool:
                done = sorted(pool.map(lambda each: self.finish(*each), running), key=lambda each: each.ended)
            self.check(done[-1])

        return " & ".join(" ".join(words) for words in both), act

    def cut_short(self) -> Step:
        """Make a step of one command of ours that is killed."""
        words, number = self.command(), self.random.choice((signal.SIGKILL, signal.SIGHUP, signal.SIGINT))
        after = self.random.uniform(0.2, 4.0)

        def act() -> None:
            self.may_run |= self.selected(words) if words[0] != "stop" else set()
            process = self.begin(words)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after)
            send_signal(process.pid, number)
            process.communicate()

        return f"{' '.join(words)}, {number.name} after {after:.1f} s", act

    def full_disk(self) -> Step:
        """Make a step of one command of ours on a full disk."""
        words = self.command()

        def act() -> None:
            filler = HOME / "filler"
            free = os.statvfs(HOME)
            with filler.open("wb") as file, contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, (free.f_bavail - 2) * free.f_bsize)
            with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            try:
                self.ask(*words)
            finally:
                filler.unlink()

        return f"{' '.join(words)} on a full disk", act

    def break_file(self) -> Step:
        """Make a step that breaks a file of a profile."""
        (name,), which = self.choice(), self.random.choice(("config.yaml", ".env"))
        path = self.home(name) / which

        def act() -> None:
            self.broken.setdefault(path, path.read_bytes())
            text = _BROKEN_CONFIG if which == "config.yaml" else _BROKEN_ENV
            path.write_bytes(self.broken[path] + text.encode())
            follow()

        then, follow = self.use_of(name, name)
        return f"break {which} of {name}{then}", act

    def repair_file(self) -> Step:
        """Make a step that repairs a broken file."""
        path = self.random.choice(sorted(self.broken))
        return f"repair {path.relative_to(HOME)}", lambda: path.write_bytes(self.broken.pop(path))

    def unit(self, name: str) -> Path:
        """Return the unit of a profile."""
        return UNITS / ("hermes-gateway.service" if name == "default" else f"hermes-gateway-{name}.service")

    def mask_unit(self) -> Step:
        """Make a step that masks the unit of a profile."""
        (name,) = self.choice()
        path = self.unit(name)

        def act() -> None:
            if path not in self.masked and path.is_file():
                self.masked[path] = path.read_bytes()
                path.unlink()
                path.symlink_to("/dev/null")
                self.systemctl("daemon-reload")

        return f"mask {path.name}", act

    def unmask_unit(self) -> Step:
        """Make a step that restores a masked unit."""
        path = self.random.choice(sorted(self.masked))

        def act() -> None:
            path.unlink(missing_ok=True)
            path.write_bytes(self.masked.pop(path))
            self.systemctl("daemon-reload")

        return f"unmask {path.name}", act

    def repair_all(self) -> Step:
        """Make a step that undoes all damage and restarts all: nobody stays down, and no mask stays."""

        def act() -> None:
            self.resume()[1]()
            for path in list(self.masked):
                path.unlink(missing_ok=True)
                path.write_bytes(self.masked.pop(path))
            if self.is_systemd:
                self.systemctl("daemon-reload")
            for holds in self.holds.values():
                holds.update({name: name for name in self.names})
            self.judge.ports.update(self.ports)
            for name in self.names:
                self.write_unbroken(name)
            words = ("restart", "--yes", "--start-stopped")
            self.may_run |= set(self.names)
            done = self.run(*words)
            self.check(done)
            if done.code:
                self.fault("", f"{words} exits with {done.code} though nothing is in the way", outcomes=done.outcomes)
            self.check_all_up()

        return "repair all, restart --start-stopped", act

    def check_all_up(self) -> None:
        """Record each profile that does not poll its bot and serve its port, or is not called so."""
        deadline = time.monotonic() + _UP
        while time.monotonic() < deadline:
            found = self.judge.truth()
            missing = {
                name for name, each in found.items() if each.polls_for is None or not each.answers or not each.streams
            }
            if not missing:
                break
            time.sleep(0.5)
        rows, code = self.status()
        said = {name for name, row in rows.items() if row["state"] != "running" or row["masked_channels"]}
        for name in sorted(missing | said):
            self.fault(name, "not up though all is repaired", row=short_row(rows[name]), truth=self.judge.truth()[name])
        if code:
            self.fault("", f"status exits with {code} though all is repaired")

    def kill_manager(self) -> Step:
        """Make a step that kills supervisord; its gateways end with it, a moment later."""
        patience = self.random.choice((0, 0.5, 20))

        def act() -> None:
            for pid in self.judge.daemons():
                send_signal(pid, signal.SIGKILL)
            deadline = time.monotonic() + patience
            while self.judge.gateways() and time.monotonic() < deadline:
                time.sleep(0.1)
            self.may_run &= set(self.judge.gateways())

        return f"kill -9 supervisord, {patience} s", act


def main() -> None:
    """Walk, and print what was wrong."""
    hermes, manager, seed, steps, count, seconds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a child keeps an ignored signal, as under `nohup` and `&`
    signal.signal(signal.SIGINT, signal.default_int_handler)
    walk = FleetWalk(hermes, manager, seed, count)
    taken, began = 0, time.monotonic()
    print(f"manager {manager}, seed {seed}, {steps} steps, {count} gateways", flush=True)
    with walk.polls, walk.topics:
        walk.prepare()
        while taken < steps and time.monotonic() - began < seconds:
            taken += 1
            walk.step(taken)
    walk.run("stop", "--yes", "--force")
    told = Counter(kind_of(each["fault"])[:60] for each in walk.faults)
    result = {
        "manager": manager,
        "seed": seed,
        "wanted": steps,
        "steps": taken,
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps({**result, "kinds": told, "faults": walk.faults}, default=str), flush=True)


if __name__ == "__main__":
    main()
