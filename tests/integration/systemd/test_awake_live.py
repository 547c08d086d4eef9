"""`hermes-gateways awake` under a real `systemd --user`; logind alone is a stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from once import once
from systemd_live import answer_under_systemd, live_home

pytestmark = pytest.mark.systemd
SCRIPT = REPOSITORY / "tests" / "support" / "live_awake_script.py"


def _seen(folders: pytest.TempPathFactory, *parts: str) -> dict[str, Any]:
    def run(_: Path) -> dict[str, Any]:
        with live_home() as home:
            seen: dict[str, Any] = answer_under_systemd(SCRIPT, home, *parts)
            return seen

    return once(folders, "awake-" + "-".join(parts), run)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _seen(tmp_path_factory, "life")


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _seen(tmp_path_factory, "undo", "services")


@pytest.fixture(scope="module")
def troubles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return _seen(tmp_path_factory, "troubles")


def test_awake_dry_run_plans_three_files_without_write(life: dict[str, Any]) -> None:
    data = life["planned"]["data"]
    assert life["planned"]["exit_code"] == 0 and data["outcome"] == "would-be-on" and life["planned changes nothing"]
    assert [Path(row["target"]).name for row in data["plan"]] == [
        "hermes-profiles-awake.service", "60-awake.conf", "60-awake.conf",
    ]  # fmt: skip


def test_awake_without_gateway_holds_no_lock(life: dict[str, Any]) -> None:
    assert life["on"]["exit_code"] == 0 and life["on"]["data"]["outcome"] == "on"
    is_held, data = life["idle"]
    assert not is_held and data["on"] and not data["held"] and data["kept_by"] == []


def test_awake_lock_starts_with_first_gateway_and_ends_with_last(life: dict[str, Any]) -> None:
    assert life["first started"] and life["first stopped, another runs"] and life["last stopped"]


def test_awake_lock_is_held_during_gateway_restart(life: dict[str, Any]) -> None:
    assert life["restarted"] and life["killed, and waited for"]


def test_awake_covers_profile_created_later(life: dict[str, Any]) -> None:
    assert life["made later"]


def test_awake_status_reports_holder_and_limits(life: dict[str, Any]) -> None:
    data = life["status"]["data"]
    assert life["status"]["exit_code"] == 0 and data["held"] and data["kept_by"] == ["a"]
    assert data["holds"] == ["idle", "sleep"] and data["linger"] is False and data["broken"] is None
    assert any("lid" in text for text in data["limits"]) and any("by hand" in text for text in data["limits"])


def test_repeated_awake_on_keeps_lock(life: dict[str, Any]) -> None:
    assert life["again"]["outcome"] == "already-on" and life["again changes nothing"] and life["again"]["held"]


def test_awake_off_releases_lock_and_removes_files(life: dict[str, Any]) -> None:
    assert life["on and off"], "folders that `on` made must go with `off`"
    assert life["off"]["exit_code"] == 0 and life["off ends it"] and life["off again"] == "already-off"
    before, after = life["listing"]
    # The folder had services, which the script removed.
    assert [path for path in after if not path.endswith("/systemd")] == before


def test_awake_undo_releases_lock_and_second_undo_takes_it(beside: dict[str, Any]) -> None:
    assert beside["on while one runs"] == [0, True]
    assert beside["undo of on"] == [0, True, True] and beside["loaded after the undo"] == "not-found"
    assert beside["undo of off"] == [0, True, True]


def test_awake_on_with_other_locks_restarts_service(beside: dict[str, Any]) -> None:
    assert beside["lid"] == [["idle", "sleep", "handle-lid-switch"], ["--what=idle:sleep:handle-lid-switch\n"]]
    assert beside["undo of lid"] == ["--what=idle:sleep\n"]


def test_services_are_installed_and_removed_while_awake(beside: dict[str, Any]) -> None:
    assert beside["install"] == 0 and beside["install again"] == ["already-installed"]
    assert beside["installed and started"] and beside["uninstall default"] == 0
    assert beside["others are kept awake"] == [True, True, None] and beside["ends as before"]
    assert beside["left while on"] == [
        "hermes-gateway-.service.d/60-awake.conf", "hermes-gateway.service.d/60-awake.conf",
        "hermes-profiles-awake.service",
    ]  # fmt: skip
    assert beside["left"] == []


def test_doctor_does_not_report_awake_unit(beside: dict[str, Any]) -> None:
    with_it, without_it = beside["doctor"]
    assert with_it == without_it != []


def test_awake_without_logind_writes_nothing(troubles: dict[str, Any]) -> None:
    denied, absent = troubles["denied"], troubles["absent"]
    assert denied["exit_code"] == 6 and denied["errors"][0]["code"] == "not-allowed"
    assert absent["exit_code"] == 4 and absent["errors"][0]["code"] == "no-logind"
    assert "connect to bus" in absent["errors"][0]["message"] and troubles["troubles change nothing"]


def test_unrelated_file_is_neither_overwritten_nor_removed(troubles: dict[str, Any]) -> None:
    assert troubles["foreign"]["exit_code"] == 6 and troubles["foreign"]["errors"][0]["code"] == "foreign-file"
    assert troubles["forced"] == 0 and troubles["undo of forced"] == [0, "[Unit]\n# mine\n"]
    warnings, is_there, is_on = troubles["off leaves what is another's"]
    assert warnings[0]["code"] == "foreign-file" and is_there and not is_on


def test_hand_edited_awake_unit_is_reported(troubles: dict[str, Any]) -> None:
    assert troubles["edited"]["exit_code"] == 6 and troubles["edited"]["errors"][0]["code"] == "hand-edited"


def test_awake_incomplete_files_are_reported_and_fixed(troubles: dict[str, Any]) -> None:
    assert troubles["half"]["exit_code"] == 3 and "is missing" in troubles["half"]["data"]["broken"]
    assert troubles["repaired"] == [0, True]


def test_awake_status_exits_3_without_a_lock(troubles: dict[str, Any]) -> None:
    for key in ("stopped by hand", "logind does not know it"):
        answer = troubles[key]
        assert answer["exit_code"] == 3 and answer["data"]["kept_by"] == ["a"] and answer["data"]["held"] is False
    assert troubles["on again"] == [True, True]
