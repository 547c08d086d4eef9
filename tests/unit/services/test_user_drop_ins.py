"""The user's own drop-ins of a unit: what they give to a gateway, and what has no effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.services.systemd.user_drop_ins import UserDropIns, read_user_drop_ins

OURS = b"[Service]\nExecStart=\nExecStart=/bin/sh\nEnvironment=\nEnvironment=HERMES_HOME=/x\nRestart=always\n"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    unit = tmp_path / "hermes-gateway-work.service"
    unit.with_name(unit.name + ".d").mkdir()
    (tmp_path / "keys.env").write_text("# x\nEXA_API_KEY=CANARY\nexport OPENROUTER_API_KEY='CANARY'\n bad line\n")
    (tmp_path / "my keys.env").write_text("SPACED_KEY=CANARY\n")
    (tmp_path / "work.env").write_text("SUFFIX_KEY=CANARY\n")
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
        ("EnvironmentFile=%h/k*.env", ["EXA_API_KEY", "OPENROUTER_API_KEY"]),
        ("EnvironmentFile={folder}/my keys.env", ["SPACED_KEY"]),
        ("EnvironmentFile=%h/%j.env", ["SUFFIX_KEY"]),
        ("PassEnvironment=SSH_AUTH_SOCK DISPLAY", ["SSH_AUTH_SOCK", "DISPLAY"]),
        ("LoadCredential=key:/etc/key", ["CREDENTIALS_DIRECTORY"]),
        ("SetCredentialEncrypted=key: \\\n  CANARY\nStateDirectory=x", ["CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"]),
        ("LoadCredential=key:/etc/key\nLoadCredential=", []),
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


def test_step_before_the_start_comes_on_top_of_ours(unit: Path) -> None:
    ours = OURS + b"ExecStartPre=\nExecStartPre=-/bin/true\n"
    path = write(unit, "override.conf", "ExecStartPre=/usr/bin/wait-for-network")
    assert read_user_drop_ins(unit, unit.parent, ours).in_front == ()
    write(unit, "override.conf", "ExecStartPre=\nExecStartPre=/usr/bin/wait-for-network")
    assert read_user_drop_ins(unit, unit.parent, ours).in_front == ((path, "ExecStartPre"),)


@pytest.mark.parametrize("name", ["10-mine.conf", "override.conf"])
def test_second_command_without_a_reset_is_found(name: str, unit: Path) -> None:
    path = write(unit, name, "ExecStart=/usr/bin/vault run")
    assert read_user_drop_ins(unit, unit.parent, OURS).second == {path}
    write(unit, name, "ExecStart=\nExecStart=/usr/bin/vault run")
    assert read_user_drop_ins(unit, unit.parent, OURS).second == frozenset()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[Service\nNice=5\n", 1),
        ("# [Service\n\n  [Service \r\nNice=5\n", 3),
        ("[Service]\nNice=5\n[Install", 3),
        ("[Service]\n# [x\nEnvironment=A=1 \\\n[x\n", None),
        ("[Service]\nEnvironment=A=[1\n", None),
    ],
)
def test_section_that_is_not_closed_is_found(text: str, line: int | None, unit: Path) -> None:
    path = write(unit, "override.conf", "")
    path.write_text(text)
    assert read_user_drop_ins(unit, unit.parent, OURS).broken == (((path, line),) if line else ())


def test_reset_of_our_variables_is_named(unit: Path) -> None:
    path = write(unit, "99-mine.conf", "Environment=\nEnvironment=A=1")
    assert read_user_drop_ins(unit, unit.parent, OURS).in_front == ((path, "Environment"),)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("60-mine.conf", "Environment=HERMES_HOME=%h/x A=1", [("HERMES_HOME", "{folder}/x")]),
        ("10-mine.conf", "Environment=HERMES_HOME=%h/x", []),
        ("10-mine.conf", "UnsetEnvironment=A HERMES_HOME", [("HERMES_HOME", "")]),
        ("60-mine.conf", 'UnsetEnvironment="HERMES_MANAGED_DIR"', [("HERMES_MANAGED_DIR", "")]),
        ("60-mine.conf", "UnsetEnvironment=A HERMES_HOMES", []),
        ("10-mine.conf", "EnvironmentFile=%h/redirects", [("HERMES_HOME", "/srv/a"), ("HERMES_MANAGED_DIR", "/m")]),
    ],
)
def test_variable_that_sends_the_gateway_elsewhere_is_found_with_its_value(
    name: str, text: str, found: list[tuple[str, str]], unit: Path
) -> None:
    (unit.parent / "redirects").write_text("HERMES_HOME='/srv/a'\nHERMES_MANAGED_DIR = /m \nKEY=CANARY\n")
    path = write(unit, name, text)
    expected = tuple((path, key, value.format(folder=unit.parent)) for key, value in found)
    assert read_user_drop_ins(unit, unit.parent, OURS).redirects == expected


@pytest.mark.parametrize("place", [".config/systemd/user.control", ".local/share/systemd/user"])
def test_drop_in_in_another_place_of_systemd_counts(place: str, tmp_path: Path) -> None:
    unit = tmp_path / ".config/systemd/user/hermes-gateway-work.service"
    keys = tmp_path / ".config/keys.env"
    for folder in (tmp_path / place, unit.parent):
        folder.joinpath(unit.name + ".d").mkdir(parents=True)
    keys.write_text("EXA_API_KEY=CANARY\n")
    path = tmp_path / place / (unit.name + ".d") / "10-keys.conf"
    path.write_text("[Service]\nEnvironmentFile=%E/keys.env\nExecStart=\nExecStart=/usr/bin/op run\n")
    found = read_user_drop_ins(unit, tmp_path, OURS)
    assert (found.names, found.files, found.without_effect) == (("EXA_API_KEY",), (path,), ((path, "ExecStart"),))


def test_our_own_drop_in_is_not_one_of_the_user(unit: Path) -> None:
    write(unit, "50-hermes-profiles.conf", "Environment=A=1")
    assert read_user_drop_ins(unit, unit.parent, OURS) == UserDropIns()


@pytest.mark.parametrize("folder", ["hermes-gateway-.service.d", "hermes-.service.d", "service.d"])
def test_drop_in_of_the_family_counts(folder: str, unit: Path) -> None:
    place = unit.with_name(folder)
    place.mkdir()
    (place / "10-all.conf").write_text(
        f"[Service]\nEnvironmentFile={unit.parent}/keys.env\nExecStart=/usr/bin/op run\n"
    )
    found = read_user_drop_ins(unit, unit.parent, OURS)
    assert found.names == ("EXA_API_KEY", "OPENROUTER_API_KEY")
    assert found.without_effect == ((place / "10-all.conf", "ExecStart"),)


def test_drop_in_of_the_unit_replaces_one_of_the_family_with_its_name(unit: Path) -> None:
    write(unit, "60-mine.conf", "Environment=A=1")
    place = unit.with_name("hermes-gateway-.service.d")
    place.mkdir()
    (place / "60-mine.conf").write_text("[Service]\nEnvironment=B=1\n")
    (place / "70-more.conf").write_text("[Service]\nEnvironment=C=1\n")
    assert read_user_drop_ins(unit, unit.parent, OURS).names == ("A", "C")


def test_family_of_other_units_does_not_count(unit: Path) -> None:
    for name in ("hermes-gateway-work-.service.d", "other-.service.d", "hermes-gateway-work2.service.d"):
        unit.with_name(name).mkdir()
        (unit.with_name(name) / "60-mine.conf").write_text("[Service]\nEnvironment=B=1\n")
    assert read_user_drop_ins(unit, unit.parent, OURS).names == ()


def test_environment_file_that_the_user_added_to_the_unit_is_kept(unit: Path) -> None:
    unit.write_text(f"[Service]\nExecStart=/usr/bin/python3 gateway\nEnvironmentFile={unit.parent}/keys.env\n")
    found = read_user_drop_ins(unit, unit.parent, OURS)
    assert (found.names, found.files) == (("EXA_API_KEY", "OPENROUTER_API_KEY"), (unit,))
