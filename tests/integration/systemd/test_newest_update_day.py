"""Update day under a real `systemd --user`: a fleet of 0.19.0, the newest Hermes under it, one gateway, and back.

By day four profiles, by night twelve. At no instant may two processes poll one bot.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest
from command_runner import REPOSITORY
from once import once
from real_hermes import hermes_python, newest_python
from systemd_live import answer_under_systemd, live_home

pytestmark = [pytest.mark.systemd, pytest.mark.newest, pytest.mark.nightly]
STORY = REPOSITORY / "tests" / "support" / "update_day_story.py"
COUNT = 12
MEMBERS = [f"p{number:02}" for number in range(1, COUNT)]
DEFAULT = ["hermes-gateway.service", "hermes-gateway.service.d/50-hermes-profiles.conf"]


def unit_files(name: str) -> list[str]:
    unit = f"hermes-gateway-{name}.service"
    return [unit, f"{unit}.d/50-hermes-profiles.conf"]


EACH = sorted([*DEFAULT, *(path for name in MEMBERS for path in unit_files(name))])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return once(tmp_path_factory, "update-day", lambda _: _seen())


def _seen() -> dict[str, Any]:
    old, newest = hermes_python(), newest_python()
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("NO SYSTEMD: the story needs namespaces of its own")
    with live_home() as home:
        return answer_under_systemd(STORY, home, old, newest, str(COUNT), timeout=2400, offline=True)


def test_no_bot_has_two_pollers_at_any_time(seen: dict[str, Any]) -> None:
    assert seen["doubles"] == []


def test_newest_keeps_services_of_their_own_and_is_announced(seen: dict[str, Any]) -> None:
    assert seen["before"] == EACH and seen["mode"]["mode"] == "processes" and seen["mode"]["reason"]
    assert seen["ahead"]["ahead"]["outcome"] == "folds"
    assert [row["profile"] for row in seen["ahead"]["ahead"]["services"]] == MEMBERS
    assert seen["found"] == [MEMBERS]


def test_fold_removes_services_and_undo_restores_them(seen: dict[str, Any]) -> None:
    assert seen["folded"] == DEFAULT and seen["undone"] == EACH


def test_fold_of_hermes_leaves_files_which_the_doctor_removes(seen: dict[str, Any]) -> None:
    code, text = seen["hermes"]
    assert code == 0, text
    left = [path for name in MEMBERS for path in unit_files(name)[1:]]
    assert seen["left"] == sorted([*DEFAULT, *left])
    assert [row["file"].partition("/systemd/user/")[2] for row in seen["behind"]["left"]["files"]] == left
    assert seen["cleaned"] == DEFAULT and seen["done"]["needs_user"] is False


def test_standalone_and_back_by_undo_and_by_run_mode(seen: dict[str, Any]) -> None:
    assert [each["code"] for each in seen["plain"]] == ["no-such-mode"]
    assert seen["standalone"]["data"]["standalone"] == MEMBERS and seen["apart"] == EACH
    assert seen["one_again"] == DEFAULT and seen["manifest"] is False
