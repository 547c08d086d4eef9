"""What systemd did with units, as its journal has it: entries of systemd 252, recorded from a live manager."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import Finished
from hermes_profiles.services.systemd import unit_history
from hermes_profiles.services.systemd.unit_history import LIMIT, UnitDeed, UnitMoment, read_unit_history

STARTED, STOPPED, EXITED = (
    "39f53479d3a045ac8e11786248231fbf", "9d1aaa27d60140bd96365438aad20286", "98e322203f7a4ed290d09fe03c09fe15",
)  # fmt: skip


def _entry(second: int, message: str, **more: str) -> str:
    row = {
        "__CURSOR": f"s={second}", "__REALTIME_TIMESTAMP": str(second * 1_000_000), "MESSAGE_ID": message,
        "USER_UNIT": "hermes-gateway-work.service", **more,
    }  # fmt: skip
    return json.dumps(row)


JOURNAL = "\n".join([
    _entry(1, STARTED, JOB_TYPE="start"),
    _entry(2, EXITED, EXIT_CODE="exited", EXIT_STATUS="3"),
    _entry(3, STOPPED, JOB_TYPE="restart"),
    _entry(4, EXITED, EXIT_CODE="killed", EXIT_STATUS="9"),
    _entry(5, EXITED, EXIT_CODE="dumped", EXIT_STATUS="SEGV"),
    _entry(6, STOPPED, JOB_TYPE="stop"),
    '{"__CURSOR": "cut',
    _entry(7, "another", JOB_TYPE="stop"),
])  # fmt: skip


class _Journalctl:
    """A `journalctl` that answers with a text."""

    def __init__(self, out: str = "", err: str = "", code: int = 0) -> None:
        self.answer = Finished(code, out, err)
        self.words: Sequence[str] = ()

    def __call__(self, words: Sequence[str], _environment: Mapping[str, str], seconds: float) -> Finished:
        assert seconds == LIMIT
        self.words = words
        return self.answer


def test_entries_of_systemd_about_units_are_moments() -> None:
    journal = _Journalctl(JOURNAL)
    found = read_unit_history(["hermes-gateway-work"], {}, cursor="s=0", runner=journal)
    deeds = [(each.at, each.deed, each.exit_code) for each in found.moments]
    assert deeds == [
        (1.0, UnitDeed.STARTED, None), (2.0, UnitDeed.EXITED, 3), (4.0, UnitDeed.EXITED, -9),
        (5.0, UnitDeed.EXITED, -11), (6.0, UnitDeed.STOPPED, None),
    ]  # fmt: skip
    assert found.moments[0] == UnitMoment("hermes-gateway-work", 1.0, UnitDeed.STARTED) and found.cursor == "s=6"
    assert "--after-cursor=s=0" in journal.words and "--user-unit=hermes-gateway-work.service" in journal.words
    assert not any(word.startswith("--since") for word in journal.words), "journalctl takes one of the two"


def test_without_a_cursor_a_time_is_the_place_and_an_empty_journal_keeps_the_cursor() -> None:
    journal = _Journalctl("-- No entries --\n")
    assert read_unit_history(["a"], {}, since=5.5, runner=journal).cursor == ""
    assert "--since=@5.500000" in journal.words
    assert read_unit_history(["a"], {}, cursor="s=9", runner=journal).cursor == "s=9"


def test_journal_that_cannot_be_read_is_named() -> None:
    journal = _Journalctl(err="Failed to seek to cursor: Invalid argument\n", code=1)
    with pytest.raises(ManagerError, match="the journal cannot be read: failed to seek to cursor"):
        read_unit_history(["a"], {}, runner=journal)


def test_machine_without_a_journal_is_told_from_a_journal_without_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_history, "JOURNALS", (tmp_path / "none", tmp_path))
    (tmp_path / "machine").mkdir()
    with pytest.raises(ManagerError, match="the journal cannot be read: this machine keeps none"):
        read_unit_history(["a"], {}, runner=_Journalctl())
    (tmp_path / "machine/system.journal").touch()
    assert read_unit_history(["a"], {}, runner=_Journalctl()).moments == ()
