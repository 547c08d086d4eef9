"""The name of the time zone of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.gateways.time_zone import local_time_zone


@pytest.mark.parametrize(("environment", "zone"), [
    ({"TZ": "Europe/Berlin"}, "Europe/Berlin"),
    ({"TZ": ":/usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo"),
    ({"TZ": "UTC", "HERMES_TIMEZONE": "America/Lima"}, "America/Lima"),
    ({"TZ": "CET-1CEST"}, "Asia/Kolkata"),
    ({}, "Asia/Kolkata"),
])  # fmt: skip
def test_local_time_zone_reads_environment_then_link(tmp_path: Path, environment: dict[str, str], zone: str) -> None:
    target = tmp_path / "zoneinfo" / "Asia" / "Kolkata"
    target.parent.mkdir(parents=True)
    target.touch()
    (tmp_path / "localtime").symlink_to(target)
    assert local_time_zone(environment, link=tmp_path / "localtime", name=tmp_path / "none") == zone


def test_local_time_zone_without_a_link_reads_the_name(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif")
    (tmp_path / "timezone").write_text("Etc/UTC\n")
    assert local_time_zone({}, link=tmp_path / "localtime", name=tmp_path / "timezone") == "UTC"
    assert local_time_zone({}, link=tmp_path / "localtime", name=tmp_path / "none") is None
