"""Places on two booted hosts over real sshd: each host's own answer, a shared bot, a link that is cut."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from hosts import HostBed, missing_reason

pytestmark = [pytest.mark.nightly, pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))]
SEED = """
cd ~; mkdir -p .hermes/profiles/{profile}; cd .hermes
for home in . profiles/{profile}; do printf 'model:\\n  default: gpt-5\\n' > $home/config.yaml; touch $home/.env; done
cd profiles/{profile}
printf 'TELEGRAM_BOT_TOKEN=7123456789:CANARYaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n' > .env
printf 'platforms:\\n  telegram:\\n    enabled: true\\n' >> config.yaml
"""


class Client:
    """A user whose places are the hosts."""

    def __init__(self, bed: HostBed) -> None:
        self.bed = bed
        self.home = bed.folder / "user"
        (self.home / "run").mkdir(parents=True)
        self.environment = {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "PYTHONPATH": str(REPOSITORY),
            "PATH": f"{bed.client}:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        }  # fmt: skip

    def __call__(self, module: str, *words: str, limit: float = 120.0) -> tuple[int, Any]:
        line = [sys.executable, "-m", module, *words, "--json"]
        done = self.bed.call(line, check=False, env=self.environment, limit=limit)
        assert "CANARY" not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    def gateways(self, *words: str) -> tuple[int, Any]:
        """Return exit code and envelope of `hermes-gateways`."""
        return self("hermes_profiles.cli.gateways", *words)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))
    try:
        with HostBed(folder, "one", "two") as bed:
            for host, profile in zip(bed.hosts, ("family", "shop"), strict=True):
                host.run(SEED.format(profile=profile))
            client = Client(bed)
            for host in bed.hosts:
                code, added = client.gateways("place", "add", host.name, "--ssh", host.name)
                assert code == 0, added
            yield client
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_status_of_both_is_the_own_answer_of_each(client: Client) -> None:
    code, merged = client.gateways("status", "--place", "all")
    own = {
        host.name: json.loads(host.run("hermes-gateways status --json", check=False).stdout)
        for host in client.bed.hosts
    }
    assert code == max(each["exit_code"] for each in own.values()), merged["errors"]
    for name, answer in own.items():
        rows = [dict(row) for row in merged["data"]["gateways"] if row["place"] == name]
        assert [row.pop("place") for row in rows] == [name, name]
        assert rows == answer["data"]["gateways"]


def test_check_sees_linger_manager_and_clock(client: Client) -> None:
    _, checked = client.gateways("place", "check")
    for row in checked["data"]["places"]:
        assert (row["reachable"], row["linger"], row["manager"], row["profiles"]) == (True, True, "systemd", 2)
        assert row["clock_offset_s"] == 0.0 and "place-no-hermes" in {fault["code"] for fault in row["faults"]}


def test_bot_of_two_hosts_is_found(client: Client) -> None:
    code, found = client("hermes_profiles.cli", "doctor", "--place", "all")
    (shared,) = [row for row in found["data"]["findings"] if row["check"] == "places.shared-identity"]
    assert code == 3 and shared["profiles"] == ["one/family", "two/shop"]


def test_cut_link_costs_the_row_of_its_host_alone(client: Client) -> None:
    client.gateways("list", "--place", "all")  # a connection is open
    client.bed["two"].cut()
    try:
        for _ in range(2):  # with the open connection, and without
            begin = time.monotonic()
            code, found = client.gateways("list", "--place", "all")
            took = time.monotonic() - begin
            rows = [(row["place"], row["profile"], row["state"]) for row in found["data"]["gateways"]]
            assert rows == [("one", "default", "stopped"), ("one", "family", "stopped"), ("two", None, "unknown")]
            assert code == 4 and took < 20, took  # 10 s to connect
    finally:
        client.bed["two"].heal()
    code, found = client.gateways("list", "--place", "two")
    assert code == 0 and len(found["data"]["gateways"]) == 2
