"""Why profiles cannot move: each reason from what both sides say."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_profiles.moves.model import SourceLook, TargetLook, parsed
from hermes_profiles.moves.refusals import Words, cautions, refusals

FAMILY = SourceLook("family", exists=True, size=1000, schema=22, hermes="0.19.0", bots=("aa",), root="/h/.hermes")
VPS = TargetLook(("default",), ("bb default",), (), "0.19.0", 22, "ext4", True, 10_000, "UTC", "/v/.hermes")


def codes(look: SourceLook = FAMILY, target: TargetLook = VPS, held: dict[str, str] | None = None) -> list[str]:
    return [problem.code for problem in refusals([look], target, "vps", held or {})]


def test_nothing_is_in_the_way() -> None:
    assert codes() == []


@pytest.mark.parametrize(("change", "code"), [
    ({"name": "default"}, "default-profile"),
    ({"team": ("lead", "family")}, "team-apart"),
    ({"links_out": ("skills/x",)}, "links-out"),
    ({"problem": "another gateway serves it"}, "gateway"),
    ({"schema": 31}, "older-hermes"),
    ({"schema": 0, "hermes": "0.22.2"}, "older-hermes"),
    ({"size": 5001}, "no-space"),
    ({"bots": ("bb",)}, "bot-elsewhere"),
    ({"state": "leaving", "place": "other"}, "move-unfinished"),
])  # fmt: skip
def test_profile_that_cannot_move(change: dict[str, Any], code: str) -> None:
    assert codes(FAMILY._replace(**change)) == [code]


@pytest.mark.parametrize(("change", "code"), [
    ({"taken": ("family",)}, "exists"),
    ({"is_fit": False, "file_system": "nfs4"}, "target-unfit"),
    ({"problem": "no service manager"}, "target-unfit"),
    ({"free": 1999}, "no-space"),
    ({"schema": 21}, "older-hermes"),
])  # fmt: skip
def test_target_that_is_unfit(change: dict[str, Any], code: str) -> None:
    assert codes(target=VPS._replace(**change)) == [code]


def test_place_whose_one_gateway_is_down_serves_nothing_that_arrives() -> None:
    down = VPS._replace(idle_server="default")
    assert codes(FAMILY._replace(running=True), down) == ["no-server"]
    assert codes(FAMILY, down) == codes(FAMILY._replace(running=True, state="leaving", place="vps"), down) == []


def test_bot_in_a_third_place() -> None:
    assert codes(held={"aa": "shop in server"}) == ["bot-elsewhere"]


def test_unfinished_move_to_the_same_place_goes_on() -> None:
    assert codes(FAMILY._replace(state="handed-over", place="vps"), VPS._replace(taken=("family",), free=0)) == []


DEFAULT = FAMILY._replace(name="default", sends_default=True)
TAKES = VPS._replace(takes_default=True)
ADA = Words("--to vps", "ada")


def of_default(look: SourceLook = DEFAULT, target: TargetLook = TAKES, words: Words = ADA) -> list[tuple[str, str]]:
    return [(problem.code, problem.hint or "") for problem in refusals([look], target, "vps", {}, words)]


def test_default_moves_with_a_name_alone() -> None:
    assert of_default() == []
    ((code, hint),) = of_default(words=Words("--from vps --to local"))
    assert code == "default-profile" and "`hermes-gateways move default --from vps --to local --as NAME`" in hint
    under_way = DEFAULT._replace(state="leaving", place="vps", as_name="ada")
    assert of_default(under_way, words=Words("--to vps")) == of_default(under_way) == []
    assert [code for code, _ in of_default(under_way, words=Words("--to vps", "bob"))] == ["move-unfinished"]


@pytest.mark.parametrize(("look", "target", "in_cluster", "code"), [
    ({"sends_default": False}, {}, False, "default-profile"),
    ({}, {"takes_default": False}, False, "default-profile"),
    ({}, {}, True, "default-profile"),
    ({"links_in": ("kid/skills",)}, {}, False, "links-in"),
    ({"names": ("ada", "kid")}, {}, False, "exists"),
    ({"tied": "workspace is on another file system"}, {}, False, "default-profile"),
    ({"team": ("default", "kid")}, {}, False, "team-apart"),
    ({}, {"taken": ("default", "ada")}, False, "exists"),
    ({"bots": ("bb",)}, {}, False, "bot-elsewhere"),
    ({"links_out": ("skills/x",)}, {}, False, "links-out"),
    ({"problem": "one gateway is for default and kid"}, {}, False, "gateway"),
])  # fmt: skip
def test_default_that_cannot_move(look: dict[str, Any], target: dict[str, Any], in_cluster: bool, code: str) -> None:
    words = ADA._replace(in_cluster=in_cluster)
    assert [each for each, _ in of_default(DEFAULT._replace(**look), TAKES._replace(**target), words)] == [code]


def test_what_the_move_of_default_changes_beside_it() -> None:
    paths = ("default/config.yaml:6: platforms.whatsapp.extra.session_path", "kid/.env:2: HERMES_NOTES")
    look = DEFAULT._replace(boards=("kanban.db",), borrowers=("kid",), old_paths=paths)
    found = [(each.code, each.hint) for each in cautions([look], "ada")]
    assert [code for code, _ in found] == ["stays-in-root", "logins-leave", "source-path", "source-path"]
    assert "`hermes -p ada config set platforms.whatsapp.extra.session_path PATH`" in (found[2][1] or "")
    assert "`hermes-profiles env set kid HERMES_NOTES`" in (found[3][1] or "")
    assert list(cautions([FAMILY], "")) == []


def test_answer_of_another_version_is_read() -> None:
    data = {**VPS._asdict(), "taken": ["default"], "from_later": 1}
    assert parsed(TargetLook, data) == VPS
