"""Measure a team on WeChat: one process for each account against one multiplexed gateway for all of them.

Run with the Python of the tests; HERMES_JUDGE_PYTHON names the one with hermes-agent 0.19.0, aiohttp and cryptography:

    HERMES_JUDGE_PYTHON=… python benchmarks/team.py [--accounts 3,10,30] [--idle 20] [--markdown]

Every gateway is real and polls a stand-in of WeChat's API on 127.0.0.1; nothing else is reached. Memory is taken when
all accounts are polled and the start has settled, and again when every account has answered once: RSS counts what
processes share once for each, PSS once in all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]
os.environ.setdefault("HERMES_JUDGE_PYTHON", sys.executable)

from accounts_root import AccountsRoot, friend, running_accounts, token  # noqa: E402

SETTLE = 5.0
HOLD = 20.0  # how long WeChat keeps a poll that brings nothing


class Memory(NamedTuple):
    """Memory of all processes in MB; `pss` None where the system does not tell."""

    rss: float
    pss: float | None

    def __str__(self) -> str:
        return f"{self.rss:,.0f} MB, {f'{self.pss:,.0f} MB' if self.pss is not None else '?'}"


class Figures(NamedTuple):
    """What one way of running N accounts takes: seconds until all were polled, MB, share of one core when idle, and MB
    after an answer of each."""

    start: float
    memory: Memory
    cpu: float
    answered: Memory


def measure(mode: str, count: int, idle: float) -> Figures:
    """Return the figures of one run."""
    with running_accounts(f"bench-{mode}-{count}", hold=HOLD) as world:
        world.lead()
        world.by_hand([f"m{number:02}" for number in range(count)])
        world.multiplex(on=mode == "multiplex")
        before = time.monotonic()
        world.start(*(("default",) if mode == "multiplex" else world.members))
        world.polled(patience=300)
        start = max(world.ilink.first_poll[token(member)] for member in world.members) - before
        time.sleep(SETTLE)
        pids = [process.pid for process in world.running.values()]
        spent, began = sum(map(_cpu, pids)), time.monotonic()
        memory = _memory(pids)
        time.sleep(idle)
        cpu = (sum(map(_cpu, pids)) - spent) / (time.monotonic() - began)
        for member in world.members:
            world.ilink.send(token(member), friend(member), f"say-hello-{member}")
        for member in world.members:
            world.answered(member, friend(member))
        time.sleep(SETTLE)
        _check(world)
        return Figures(start, memory, cpu, _memory(pids))


def _check(world: AccountsRoot) -> None:
    """Stop when what was measured is not what was meant: one loop for each account."""
    assert set(world.ilink.most_at_once.values()) == {1}, world.ilink.most_at_once
    assert len(world.ilink.polls) == len(world.members), world.ilink.polls


def _cpu(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rollup(pid: int, name: str) -> int | None:
    """Return a figure of a process's memory in kB, None where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def _memory(pids: list[int]) -> Memory:
    shared = [_rollup(pid, "Pss") for pid in pids]
    pss = None if None in shared else sum(each or 0 for each in shared) / 1024
    return Memory(sum(_rollup(pid, "Rss") or 0 for pid in pids) / 1024, pss)


def main() -> None:
    parser = argparse.ArgumentParser(description="Processes against one multiplexed gateway.")
    parser.add_argument("--accounts", default="3,10,30")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds over which processor time is counted")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    rows = []
    for count in (int(each) for each in options.accounts.split(",")):
        for mode in ("processes", "multiplex"):
            found = measure(mode, count, options.idle)
            what = f"{count} processes" if mode == "processes" else "one gateway"
            figures = (str(found.memory), str(found.answered), f"{found.start:.1f} s", f"{found.cpu:.1%}")
            rows.append((f"{count}", what, *figures))
            print("  ".join(rows[-1]), file=sys.stderr)
    _show(rows, is_markdown=options.markdown)


def _show(rows: list[tuple[str, ...]], *, is_markdown: bool) -> None:
    heads = ("accounts", "run as", "RSS, PSS", "after an answer of each", "until all are polled", "processor, idle")
    if is_markdown:
        print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
        return
    widths = [max(len(each) for each in column) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
