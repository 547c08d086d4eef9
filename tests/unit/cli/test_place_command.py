"""`place`: places are added, listed, shown and removed."""

from __future__ import annotations

from command_root import CommandRoot
from place_hosts import PlaceHosts


def test_place_is_added_once_listed_shown_and_removed(world: CommandRoot) -> None:
    run = world.runner.gateways
    PlaceHosts(world.runner).host("vps")
    planned = run("place", "add", "vps", "--ssh", "ada@vps", "--dry-run", "--json")
    assert (planned.code, planned.data["outcome"]) == (0, "would-be-added")
    assert [row["name"] for row in run("place", "list", "--json").data["places"]] == ["local"]
    assert run("place", "add", "vps", "--ssh", "ada@vps", "--json").data["outcome"] == "added"
    assert run("place", "add", "vps", "--ssh", "vps", "--json").problem["code"] == "exists"
    cluster = ("prod", "--kubernetes", "agents/family", "--context", "c", "--root", "/opt/data")
    added = run("place", "add", *cluster, "--json")  # its pod need not be up
    (row,) = added.data["places"]
    assert added.json["warnings"][0]["code"] in ("no-client", "place-silent")
    assert (row["namespace"], row["stateful_set"], row["context"], row["root"]) == (
        "agents",
        "family",
        "c",
        "/opt/data",
    )
    listed = run("place", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["place", "local", "vps", "prod"]
    assert "ssh -T " in run("place", "show", "vps").stdout
    assert run("place", "show", "nowhere", "--json").problem["code"] == "no-place"
    assert run("place", "remove", "vps", "--dry-run", "--json").data["outcome"] == "would-be-removed"
    assert run("place", "remove", "vps", "prod", "--json").data["outcome"] == "removed"
    assert run("place", "remove", "vps", "--json").code == 5


def test_place_needs_one_address(world: CommandRoot) -> None:
    for words in ((), ("--ssh", "a", "--local", "/b"), ("--ssh", "a", "--context", "c"), ("--ssh=-x",)):
        assert world.runner.gateways("place", "add", "vps", *words, "--json").code == 2
    assert world.runner.gateways("place", "add", "all", "--ssh", "a", "--json").problem["code"] == "bad-name"
