"""What Hermes calls the service of a home: the table of rules, and Hermes' own word on it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from real_hermes import hermes_python, newest_python

from hermes_profiles.hermes.version import BASE, facts_of
from hermes_profiles.services.naming import (
    drop_in,
    is_root,
    launch_agent,
    service_name,
    system_unit,
    unit_folder,
    unit_folders,
)

HASH = "8 hex digits"
# Home, below a folder used as /: suffix, and the profile that the definition names.
TABLE = [
    ("h/.hermes", "", ""),
    ("h/.hermes/profiles/coder", "coder", "coder"),
    ("h/.hermes/profiles/default", "default", "default"),
    ("h/.hermes/profiles/a_b-9", "a_b-9", "a_b-9"),
    ("h/.hermes/profiles/My Agent", HASH, ""),
    ("h/.hermes/profiles/Coder", HASH, ""),
    ("h/.hermes/profiles/-x", HASH, ""),
    ("h/.hermes/profiles/" + "x" * 64, "x" * 64, "x" * 64),
    ("h/.hermes/profiles/" + "x" * 65, HASH, ""),
    ("h/.hermes/profiles/a/b", HASH, ""),
    ("h/.hermes/profiles", HASH, ""),
    ("h/.hermes/scratch", HASH, ""),
    ("h/.hermes/scratch/profiles/x", HASH, ""),
    ("opt/data", "", ""),
    ("opt/other", "", ""),
    ("opt/data/sub", "", ""),
    ("opt/data/profiles/coder", "coder", "coder"),
    ("opt/data/profiles/Bad.Name", HASH, ""),
    ("srv/profiles/x", "x", "x"),
    ("h/.hermes-2", "", ""),
]


def _expected(home: Path, suffix: str) -> str:
    return hashlib.sha256(str(home).encode()).hexdigest()[:8] if suffix == HASH else suffix


@pytest.mark.parametrize(("place", "suffix", "argument"), TABLE)
def test_the_name_of_a_service(place: str, suffix: str, argument: str) -> None:
    home = Path("/") / place
    name = service_name(home, Path("/h"))
    ending = f"-{_expected(home, suffix)}" if suffix else ""
    assert (name.unit, name.label, name.argument) == (f"hermes-gateway{ending}", f"ai.hermes.gateway{ending}", argument)


def test_where_the_definitions_lie() -> None:
    name = service_name(Path("/h/.hermes/profiles/coder"), Path("/h"))
    unit = unit_folder(Path("/h"), {}, BASE) / f"{name.unit}.service"
    assert unit == Path("/h/.config/systemd/user/hermes-gateway-coder.service")
    assert drop_in(unit) == Path("/h/.config/systemd/user/hermes-gateway-coder.service.d/50-hermes-profiles.conf")
    assert system_unit(name) == Path("/etc/systemd/system/hermes-gateway-coder.service")
    assert launch_agent(name, Path("/h")) == Path("/h/Library/LaunchAgents/ai.hermes.gateway-coder.plist")


@pytest.mark.parametrize("place", ["opt/data", "opt/data/sub", "h/.hermes-2", "srv/profiles"])
def test_custom_root_has_a_name_of_its_own_on_newer_releases(place: str) -> None:
    home = Path("/") / place
    assert service_name(home, Path("/h"), has_hashed_roots=True).suffix == _expected(home, HASH)
    assert is_root(home, Path("/h"))


@pytest.mark.parametrize("place", [place for place, suffix, _ in TABLE if suffix or place == "h/.hermes"])
def test_other_names_are_the_same_on_every_release(place: str) -> None:
    home = Path("/") / place
    assert service_name(home, Path("/h"), has_hashed_roots=True) == service_name(home, Path("/h"))
    assert is_root(home, Path("/h")) is (place == "h/.hermes")


@pytest.mark.parametrize(
    ("environment", "old", "newest"),
    [
        ({}, "/h/.config/systemd/user", "/h/.config/systemd/user"),
        ({"XDG_CONFIG_HOME": "/x"}, "/h/.config/systemd/user", "/x/systemd/user"),
        ({"XDG_CONFIG_HOME": "/h/.config"}, "/h/.config/systemd/user", "/h/.config/systemd/user"),
        ({"XDG_CONFIG_HOME": "x"}, "/h/.config/systemd/user", "/h/.config/systemd/user"),
    ],
)
def test_unit_folder_follows_the_release(environment: dict[str, str], old: str, newest: str) -> None:
    assert unit_folder(Path("/h"), environment, BASE) == Path(old)
    assert unit_folder(Path("/h"), environment, facts_of((0, 21, 4))) == Path(newest)
    assert unit_folders(Path("/h"), environment) == tuple(dict.fromkeys((Path(old), Path(newest))))


_SCRIPT = r"""
import json, os, pathlib, sys
sys.dont_write_bytecode = True
from hermes_cli import gateway as g
answers = []
for home in json.load(sys.stdin):
    os.environ["HERMES_HOME"] = home
    arguments = g._profile_arg().split(maxsplit=1)
    answers.append([
        g._profile_suffix(), g.get_service_name(), g.get_launchd_label(), arguments[1] if arguments else "",
        str(g.get_systemd_unit_path()), str(g.get_systemd_unit_path(system=True)), g.get_launchd_plist_path().name,
    ])
print(json.dumps(answers))
"""


@pytest.mark.judge
def test_service_name_equals_hermes_for_every_row(tmp_path: Path) -> None:
    world = tmp_path.resolve()
    homes = [world / place for place, _, _ in TABLE]
    for home in homes:
        home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [hermes_python(), "-c", _SCRIPT], input=json.dumps([str(home) for home in homes]),
        capture_output=True, text=True, check=False, timeout=120, cwd=world,
        env={"PATH": "/usr/bin:/bin", "HOME": str(world / "h"), "HERMES_HOME": str(homes[0])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    ours = []
    for home in homes:
        name = service_name(home, world / "h")
        ours.append([
            name.suffix, name.unit, name.label, name.argument,
            str(unit_folder(world / "h", {}, BASE) / f"{name.unit}.service"),
            str(system_unit(name)), launch_agent(name, world / "h").name,
        ])  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == ours


@pytest.mark.newest
@pytest.mark.parametrize("config_home", ["", "elsewhere"])
def test_service_name_equals_newest_hermes_for_every_row(tmp_path: Path, config_home: str) -> None:
    world = tmp_path.resolve()
    homes = [world / place for place, _, _ in TABLE]
    for home in homes:
        home.mkdir(parents=True, exist_ok=True)
    environment = {"XDG_CONFIG_HOME": str(world / config_home)} if config_home else {}
    done = subprocess.run(
        [newest_python(), "-c", _SCRIPT], input=json.dumps([str(home) for home in homes]),
        capture_output=True, text=True, check=False, timeout=120, cwd=world,
        env={"PATH": "/usr/bin:/bin", "HOME": str(world / "h"), "HERMES_HOME": str(homes[0]), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    facts = facts_of((0, 22, 2))
    ours = []
    for home in homes:
        name = service_name(home, world / "h", has_hashed_roots=True)
        ours.append([
            name.suffix, name.unit, name.label, name.argument,
            str(unit_folder(world / "h", environment, facts) / f"{name.unit}.service"),
            str(system_unit(name)), launch_agent(name, world / "h").name,
        ])  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == ours
