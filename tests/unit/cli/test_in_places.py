"""`--place`: the same command in one place or in all, silent places, other versions, one bot in two places."""

from __future__ import annotations

import json
import stat
import sys

import pytest
from command_root import CommandRoot
from place_hosts import PlaceHosts

BOT = "TELEGRAM_BOT_TOKEN=7123456789:CANARYaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
TELEGRAM = "model:\n  default: gpt-5\nplatforms:\n  telegram:\n    enabled: true\n"


@pytest.fixture
def hosts(world: CommandRoot) -> PlaceHosts:
    """A user with a root, and two places: `vps` with the profile `family`, and `two`."""
    hosts = PlaceHosts(world.runner)
    hosts.host("vps", "family")
    hosts.host("two")
    for name in ("vps", "two"):
        assert world.runner.gateways("place", "add", name, "--ssh", f"ada@{name}").code == 0
    return hosts


def _rows(found: object, key: str) -> list[tuple[str, str | None]]:
    rows = found.data[key]  # type: ignore[attr-defined]
    return [(row["place"], row.get("profile", row.get("name"))) for row in rows]


def test_status_of_all_places_is_that_of_each_with_its_place(hosts: PlaceHosts) -> None:
    run = hosts.runner.gateways
    found = run("status", "--place", "all", "--json")
    assert _rows(found, "gateways") == [("local", "default"), ("vps", "default"), ("vps", "family"), ("two", "default")]
    alone = run("status", "--place", "vps", "--json").data
    assert [row["place"] for row in alone["gateways"]] == ["vps", "vps"] and alone["places"][0]["kind"] == "ssh"
    assert alone["gateways"][1]["service"]["path"].startswith(str(hosts.folder / "vps"))
    text = run("list", "--place", "all").stdout
    assert "vps" in text and "family" in text and text.splitlines()[2].split()[:3] == ["place", "profile", "state"]
    listed = hosts.runner.call("list", "--place", "all", "--json")
    assert ("vps", "family") in _rows(listed, "profiles") and listed.code == 0
    assert "family" in hosts.runner.call("list", "--place", "vps").stdout


def test_silent_place_costs_its_own_row_and_exit_4(hosts: PlaceHosts) -> None:
    (hosts.folder / "vps/refuse").touch()
    found = hosts.runner.gateways("list", "--place", "all", "--json")
    assert found.code == 4 and _rows(found, "gateways") == [("local", "default"), ("vps", None), ("two", "default")]
    row = found.data["gateways"][1]
    assert (row["state"], "Connection refused" in row["detail"]) == ("unknown", True)
    assert found.problem["code"] == "place-silent" and "ssh ada@vps true" in found.problem["hint"]
    shown = hosts.runner.gateways("list", "--place", "all")
    assert "vps    -        unknown" in shown.stdout and shown.code == 4
    stopped = hosts.runner.gateways("stop", "--place", "vps", "--json")
    assert (stopped.code, stopped.data["outcomes"][0]["outcome"]) == (4, "unknown")


def test_garbage_before_an_answer_is_left_out_and_garbage_alone_is_no_answer(hosts: PlaceHosts) -> None:
    profile = hosts.folder / "vps/bin/hermes-gateways"
    profile.write_text(profile.read_text().replace("#!/bin/sh\n", "#!/bin/sh\necho welcome to {vps}\n"))
    assert hosts.runner.gateways("list", "--place", "vps", "--json").code == 0
    (hosts.folder / "vps/garbage").write_text('{"half": ')
    found = hosts.runner.gateways("list", "--place", "vps", "--json")
    assert (found.code, found.problem["code"], found.data["gateways"][0]["state"]) == (4, "bad-answer", "unknown")


def test_older_version_in_a_place_is_named(hosts: PlaceHosts) -> None:
    old = hosts.folder / "vps/bin/hermes-gateways"
    old.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo hermes-gateways 0.0.9 || { echo no such option >&2; exit 2; }\n'
    )
    found = hosts.runner.gateways("list", "--place", "vps", "--json")
    assert (found.code, found.problem["code"]) == (4, "other-version-there")
    assert "0.0.9" in found.problem["message"] and "pipx upgrade" in found.problem["hint"]


def test_profile_that_one_place_has_need_not_be_in_all(hosts: PlaceHosts) -> None:
    found = hosts.runner.gateways("status", "family", "--place", "all", "--json")
    assert _rows(found, "gateways") == [("vps", "family")] and found.json["errors"] == []
    nowhere = hosts.runner.gateways("status", "nobody", "--place", "all", "--json")
    assert nowhere.code == 5 and len(nowhere.json["errors"]) == 3
    assert hosts.runner.gateways("status", "--place", "nowhere", "--json").problem["code"] == "no-place"


def test_options_arrive_and_those_of_one_root_are_refused(hosts: PlaceHosts) -> None:
    found = hosts.runner.gateways("stop", "family", "--dry-run", "--place", "vps", "--json")
    assert [(row["profile"], row["place"]) for row in found.data["outcomes"]] == [("family", "vps")]
    assert found.data["places"][0]["data"]["dry_run"] is True
    watched = hosts.runner.gateways("status", "--watch", "--place", "vps", "--json")
    assert (watched.code, watched.problem["target"]) == (2, "--watch")


def test_secret_of_an_alert_goes_by_standard_input(hosts: PlaceHosts) -> None:
    url = "https://hooks.example.org/CANARY000000"
    add = ("alert", "add", "--place", "vps", "--json", "--webhook")
    refused = hosts.runner.gateways(*add, url.replace("CANARY", "XYZXYZ"))
    assert refused.code == 2 and refused.problem["code"] == "secret-in-arguments"
    done = hosts.runner.gateways(*add, "-", typed=f"{url}\n")
    assert done.code == 0 and done.data["alerts"][0]["place"] == "vps"
    assert "CANARY" not in "".join(hosts.arguments) and "XYZXYZ" not in "".join(hosts.arguments)
    assert hosts.runner.gateways("alert", "list", "--json").data["alerts"] == []


def test_logs_of_places_are_one_stream_in_order_of_time(hosts: PlaceHosts) -> None:
    for name, minutes in (("vps", (1, 3)), ("two", (2, 4))):
        folder = hosts.folder / name / ".hermes/logs"
        folder.mkdir()
        lines = [f"2026-11-21 10:0{minute}:00,000 INFO gateway.run: {name}-{minute}\n" for minute in minutes]
        (folder / "gateway.log").write_text("".join(lines))
    found = hosts.runner.gateways("logs", "--place", "all", "--json")
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(row["place"], row["text"]) for row in rows] == [
        ("vps", "vps-1"), ("two", "two-2"), ("vps", "vps-3"), ("two", "two-4"),
    ]  # fmt: skip
    assert found.code == 0
    last = hosts.runner.gateways("logs", "-n", "1", "--place", "all").stdout
    assert last.startswith("two   default | 2026-11-21 10:04:00") and len(last.splitlines()) == 1
    (hosts.folder / "vps/refuse").touch()
    silent = hosts.runner.gateways("logs", "--place", "all")
    assert silent.code == 4 and "two-4" in silent.stdout and "Connection refused" in silent.stderr


def test_one_bot_in_two_places_is_found_with_equal_fingerprints(hosts: PlaceHosts) -> None:
    for name in ("vps", "two"):
        home = hosts.folder / name / ".hermes"
        (home / ".env").write_text(BOT)
        (home / "config.yaml").write_text(TELEGRAM)
    found = hosts.runner.call("doctor", "--place", "all", "--json")
    (shared,) = [row for row in found.data["findings"] if row["check"] == "places.shared-identity"]
    assert (shared["profiles"], shared["channel"]) == (["vps/default", "two/default"], "telegram")
    assert found.code == 3 and shared["fix"]["command"] == "hermes-gateways stop default --place two"
    assert "bot in two places" in hosts.runner.call("doctor", "--place", "all").stdout
    ask = ("doctor", "--place", "all", "--json", "--only")
    other = hosts.runner.call(*ask, "places.clock")
    assert (other.code, other.data["findings"]) == (0, [])
    assert hosts.runner.call(*ask, "places.x").problem["code"] == "no-such-check"
    listed = hosts.runner.call("doctor", "--list", "--only", "places", "--json").data["checks"]
    assert [row["id"].partition(".")[2] for row in listed] == ["shared-identity", "profile-twice", "clock", "version"]
    prints = set()
    for name in ("vps", "two"):
        listed = json.loads(hosts.run_there(name, "hermes-profiles", "env", "list", "default", "--json"))
        prints |= {row["fingerprint"] for row in listed["data"]["variables"]}
    assert len(prints) == 1


def test_fixes_of_faults_between_places_end_them(hosts: PlaceHosts) -> None:
    for epoch, name in enumerate(("vps", "two"), 1):
        root = hosts.folder / name / ".hermes"
        (root / ".env").write_text(BOT)
        (root / "config.yaml").write_text(TELEGRAM)
        (root / "profiles/twin").mkdir(parents=True)
        placement = f"placement: {{id: p-1, epoch: {epoch}}}\n"
        for file, text in (("profile.yaml", placement), (".env", ""), ("config.yaml", "")):
            (root / "profiles/twin" / file).write_text(text)
    ask = ("doctor", "--place", "all", "--json", "--only", "places")
    fixes = {row["check"]: row["fix"]["command"] for row in hosts.runner.call(*ask).data["findings"]}
    assert fixes == {
        "places.shared-identity": "hermes-gateways stop default --place two",
        "places.profile-twice": "hermes-gateways stop twin --place vps",
    }
    for command in fixes.values():
        assert hosts.runner.gateways(*command.split()[1:]).code == 0
    hosts.run_there("two", "hermes-profiles", "env", "unset", "default", "TELEGRAM_BOT_TOKEN")
    hosts.run_there("vps", "hermes-profiles", "delete", "twin", "--yes")
    assert hosts.runner.call(*ask).data["findings"] == []


def test_key_of_the_fleet_is_private_no_argument_and_of_one_fleet(hosts: PlaceHosts) -> None:
    own = hosts.runner.user_home / ".config/hermes-profiles/fleet.key"
    keys = [hosts.folder / name / ".hermes/profiles/.hermes-profiles/fleet.key" for name in ("vps", "two")]
    assert {path.read_bytes() for path in keys} == {own.read_bytes()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (own, *keys)} == {0o600}
    hosts.host("three")
    other = hosts.folder / "three/.hermes/profiles/.hermes-profiles/fleet.key"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"x" * 32)
    refused = hosts.runner.gateways("place", "add", "three", "--ssh", "three", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "other-fleet")
    assert hosts.runner.gateways("place", "add", "three", "--ssh", "three", "--replace-key").code == 0
    assert other.read_bytes() == own.read_bytes()


def test_first_place_gives_its_key_to_a_user_without_one(world: CommandRoot) -> None:
    hosts = PlaceHosts(world.runner)
    key = hosts.host("vps") / ".hermes/profiles/.hermes-profiles/fleet.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(bytes(range(32)))
    assert world.runner.gateways("place", "add", "vps", "--ssh", "vps").code == 0
    assert (world.runner.user_home / ".config/hermes-profiles/fleet.key").read_bytes() == bytes(range(32))


def test_silent_host_is_not_added(world: CommandRoot) -> None:
    PlaceHosts(world.runner)
    found = world.runner.gateways("place", "add", "vps", "--ssh", "vps", "--json")
    assert found.code == 4 and "resolve" in found.problem["message"]
    assert len(world.runner.gateways("place", "list", "--json").data["places"]) == 1


def test_check_names_versions_and_faults_with_their_commands(hosts: PlaceHosts) -> None:
    (hosts.folder / "two/.hermes/profiles/.hermes-profiles/fleet.key").unlink()
    (hosts.folder / "vps/refuse").touch()
    found = hosts.runner.gateways("place", "check", "--json")
    local, vps, two = found.data["places"]
    assert found.code == 4 and (vps["reachable"], vps["faults"][0]["code"]) == (False, "place-silent")
    assert two["reachable"] and two["clock_offset_s"] == 0.0 and two["file_system"] and two["profiles"] == 1
    assert "place-key" in {fault["code"] for fault in two["faults"]} and local["version"] == two["version"]
    assert all(fault["hint"] for row in found.data["places"] for fault in row["faults"])
    assert hosts.runner.gateways("place", "share-key", "two").code == 0
    again = hosts.runner.gateways("place", "check", "two", "--json")
    assert again.code in (0, 3) and "place-key" not in {fault["code"] for fault in again.data["places"][0]["faults"]}


def test_command_without_place_imports_nothing_of_it(world: CommandRoot) -> None:
    code = (
        "import sys\nfrom hermes_profiles.cli.gateways import run\n"
        "try: run(['list', '--json'])\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)\n"
    )
    done = world.runner.run("-c", code, command=(sys.executable,))
    assert done.code == 0 and not [name for name in done.stderr.split() if "places.transport" in name]


def test_roots_with_rows_of_their_own_are_not_called_hidden(world: CommandRoot) -> None:
    other = world.runner.user_home / ".hermes-work"
    (other / "profiles/ann").mkdir(parents=True)
    (other / "profiles/ann/config.yaml").write_text("model:\n  default: gpt-5\n")
    run = world.runner.gateways
    assert [each["code"] for each in run("status", "--json").json["warnings"]] == ["other-root"]
    assert run("place", "add", "second", "--local", str(other)).code == 0
    assert run("status", "--place", "all", "--json").json["warnings"] == []
    (told,) = run("status", "--place", "second", "--json").json["warnings"]
    assert told["hint"] == f"see them with `hermes-gateways status --home {world.root}`"
