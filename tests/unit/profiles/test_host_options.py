"""What a named profile says about the one gateway for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.profiles.host_options import is_parked, is_standalone


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("gateway:\n  standalone: true\n", True),
        ("gateway: {standalone: 'yes'}\n", True),
        ('"gateway": {"standalone": 1}\n', True),
        ('gateway:\n  "stand\\x61lone": true\n', True),
        ("base: &own {standalone: true}\ngateway: *own\n", True),
        ("gateway:\n  standalone: false\n", False),
        ("standalone: true\n", False),
        ("# standalone\ngateway: [standalone]\n", False),
        ("gateway:\n  standalone: [\n", False),
        ("", False),
    ],
)
def test_standalone_is_read_from_every_spelling(isolated: Path, config: str, expected: bool) -> None:
    (isolated / "config.yaml").write_text(config)
    assert is_standalone(isolated) is expected


def test_profile_without_files_is_neither(isolated: Path) -> None:
    assert not is_standalone(isolated / "gone") and not is_parked(isolated / "gone")
    (isolated / "gateway.parked").touch()
    assert is_parked(isolated)
