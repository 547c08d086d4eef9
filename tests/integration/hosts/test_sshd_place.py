"""A place over the real ssh and sshd of this machine: its answers, one connection, a move, cut links, silence."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from command_root import CommandRoot
from command_runner import Runner
from nightly import NIGHTLY
from place_hosts import PlaceHosts
from sshd_host import SshdHost, missing_reason

pytestmark = pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))
TOKEN = "7100000078:CANARYsshdplaceCANARYsshdplaceCANARY"
FAMILY = {
    ".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n",
    "config.yaml": "model: gpt-5\n",
    "memories/MEMORY.md": "Rex\n",
    "sessions/old.jsonl": "".join(f'{{"role": "user", "text": "{number}"}}\n' for number in range(9000)),
}


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    """A user with two profiles."""
    world = CommandRoot(runner)
    world.make("default", {"config.yaml": "model: gpt-5\n", ".env": ""})
    world.make("family", FAMILY)
    return world


@pytest.fixture
def host(world: CommandRoot, short_folder: Path) -> Iterator[SshdHost]:
    with SshdHost(PlaceHosts(world.runner), "server", short_folder) as host:
        yield host


def test_place_over_real_sshd(world: CommandRoot, host: SshdHost) -> None:
    run, arrived = world.runner.gateways, host.home / ".hermes/profiles/family"
    added = run("place", "add", "server", "--ssh", "server", "--json")
    assert added.code == 0, (added, host.log)
    (row,) = run("place", "check", "server", "--json").data["places"]
    assert (row["reachable"], row["profiles"], row["clock_offset_s"]) == (True, 2, 0.0)
    listed = run("list", "--place", "all", "--json")
    here = [("local", "default"), ("local", "family")]
    assert [(each["place"], each["profile"]) for each in listed.data["gateways"]] == [
        *here, ("server", "default"), ("server", "shop")
    ]  # fmt: skip
    assert (host.logins, len(host.sockets)) == (1, 1), "all commands share one connection"

    # The link is cut in the middle of the files: the profile stays here, and the same words finish.
    (host.home / "cut-stream").write_text("move-side target receive")
    cut = run("move", "family", "--to", "server", "--json")
    assert cut.code == 4 and (host.home / "cut-stream.done").exists(), cut
    assert world.home("family").exists() and not arrived.exists()
    moved = run("move", "family", "--to", "server", "--json")
    assert moved.code == 0, moved
    assert {path: (arrived / path).read_text() for path in FAMILY} == FAMILY and not world.home("family").exists()

    if NIGHTLY:  # the answer of the decisive step is lost: nothing is known, and the same words finish
        (host.home / "cut-answer").write_text("move-side source hand-over")
        unclear = run("move", "family", "--to", "local", "--json")
        assert unclear.code == 4 and (host.home / "cut-answer.done").exists(), unclear
    back = run("move", "family", "--to", "local", "--json")
    assert back.code == 0, back
    assert {path: (world.home("family") / path).read_text() for path in FAMILY} == FAMILY and not arrived.exists()
    assert "move-side" in host.commands and "CANARY" not in host.commands

    # The host is silent while a connection is open.
    host.signal(signal.SIGSTOP)
    silent = run("list", "--place", "all", "--json")
    rows = [(each["place"], each["profile"], each["state"]) for each in silent.data["gateways"]]
    assert silent.code == 4, silent
    assert rows == [*((*each, "stopped") for each in here), ("server", None, "unknown")]
    host.signal(signal.SIGCONT)
    assert run("list", "--place", "server", "--json").code == 0

    host.leave()
    assert host.sockets == []
    left = [each.cmdline() for each in psutil.process_iter() if str(host.folder) in " ".join(_words(each))]
    assert len(left) == 1, f"only sshd itself is left: {left}"


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
