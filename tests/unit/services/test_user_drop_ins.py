"""The user's own drop-ins of a unit: what they give to a gateway, and what has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.services.systemd.user_drop_ins import read_user_drop_ins

OURS = b"[Service]\nExecStart=\nExecStart=/bin/sh\nEnvironment=\nEnvironment=HERMES_HOME=/x\nRestart=always\n"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    unit = tmp_path / "hermes-gateway-work.service"
    unit.with_name(unit.name + ".d").mkdir()
    (tmp_path / "keys.env").write_text("# x\nEXA_API_KEY=CANARY\nexport OPENROUTER_API_KEY='CANARY'\n bad line\n")
    return unit


def write(unit: Path, name: str, text: str) -> Path:
    path = unit.with_name(unit.name + ".d") / name
    path.write_text(f"[Service]\n{text}\n")
    return path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Environment=PLAYWRIGHT_BROWSERS_PATH=/opt/pw", ["PLAYWRIGHT_BROWSERS_PATH"]),
        ('Environment="A=x y" B=2', ["A", "B"]),
        ("EnvironmentFile={folder}/keys.env", ["EXA_API_KEY", "OPENROUTER_API_KEY"]),
        ("EnvironmentFile=-{folder}/keys.env", ["EXA_API_KEY", "OPENROUTER_API_KEY"]),
        ("EnvironmentFile=%h/*.env", ["EXA_API_KEY", "OPENROUTER_API_KEY"]),
        ("PassEnvironment=SSH_AUTH_SOCK DISPLAY", ["SSH_AUTH_SOCK", "DISPLAY"]),
        ("# Environment=A=1", []),
        ("MemoryMax=1G", []),
    ],
)
def test_names_of_variables_that_a_drop_in_sets_are_found(text: str, names: list[str], unit: Path) -> None:
    path = write(unit, "override.conf", text.format(folder=unit.parent))
    found = read_user_drop_ins(unit, unit.parent, OURS)
    assert list(found.names) == names
    assert found.files == ((path,) if names else ())
    assert found.without_effect == found.in_front == found.unread == ()


def test_missing_environment_file_is_named(unit: Path) -> None:
    write(unit, "override.conf", f"EnvironmentFile={unit.parent}/none.env")
    assert read_user_drop_ins(unit, unit.parent, OURS).unread == (f"{unit.parent}/none.env",)


def test_setting_that_ours_replaces_has_no_effect(unit: Path) -> None:
    path = write(unit, "10-mine.conf", "ExecStart=\nExecStart=/usr/bin/vault run\nEnvironment=A=1\nNice=5")
    found = read_user_drop_ins(unit, unit.parent, OURS)
    assert found.without_effect == ((path, "Environment"), (path, "ExecStart"))
    assert found.names == ()


def test_setting_that_replaces_ours_is_named(unit: Path) -> None:
    path = write(unit, "override.conf", "ExecStart=\nExecStart=/usr/bin/vault run\nRestart=on-failure\nNice=5")
    assert read_user_drop_ins(unit, unit.parent, OURS).in_front == ((path, "ExecStart"), (path, "Restart"))


def test_our_own_drop_in_is_not_one_of_the_user(unit: Path) -> None:
    write(unit, "50-hermes-profiles.conf", "Environment=A=1")
    assert read_user_drop_ins(unit, unit.parent, OURS) == ((), (), (), (), ())
