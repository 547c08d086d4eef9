"""Other roots of the account: doctor and status name them, and a bot that both roots have is a conflict."""

from __future__ import annotations

import plistlib
import shlex
from pathlib import Path

import pytest
from doctor_root import DoctorRoot

from hermes_profiles.gateways.other_roots import homes_in, other_roots
from hermes_profiles.model.layout import Layout

TOKEN = "123456789:CANARY-" + "A" * 28


def other(folder: Path, env: str = "OPENAI_API_KEY=sk-CANARY-other-0123456789\n", profile: str = "") -> Path:
    home = folder / "profiles" / profile if profile else folder
    home.mkdir(parents=True)
    for name, text in ((".env", env), ("config.yaml", "model:\n  default: gpt-5\n")):
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    return folder


def unit(world: DoctorRoot, name: str, line: str) -> Path:
    path = world.user / ".config" / "systemd" / "user" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[Service]\n{line}\nExecStart=/usr/bin/python3 -m hermes_cli.main gateway run\n")
    return path


@pytest.mark.parametrize("name", [".hermes-work", ".hermes_work", ".hermes2", ".hermes.work"])
def test_root_beside_this_one_is_named_with_a_command(world: DoctorRoot, name: str) -> None:
    place = other(world.user / name)
    (found,) = world.findings("--only", "general.other-root")
    assert str(place) in found["message"] and found["severity"] == "info"
    assert found["fix"]["command"] == f"hermes-gateways status --home {place}"
    done = world.runner.gateways("status", "--json", env=world.environment)
    (problem,) = [row for row in done.json["warnings"] if row["code"] == "other-root"]
    assert str(place) in problem["message"] and f"--home {place}" in problem["hint"]


UNITS = {
    "plain": ("hermes-gateway-0a1b2c3d.service", "Environment=HERMES_HOME={home}"),
    "quoted": ("hermes-gateway-0a1b2c3d.service", 'Environment="HERMES_HOME={home}"'),
    "other name": ("my-bot.service", 'Environment="A=b" "HERMES_HOME={home}" "C=d"'),
    "several on a line": ("my-bot.service", "Environment=A=b HERMES_HOME={home} C=d"),
    "profile of a root": ("my-bot.service", "Environment=HERMES_HOME={home}/profiles/ann"),
    "command": ("my-bot.service", "ExecStart=/usr/bin/env A=b HERMES_HOME={home} hermes gateway run"),
    "drop-in": ("my-bot.service.d/home.conf", "Environment=HERMES_HOME={home}"),
}


@pytest.mark.parametrize("case", UNITS)
def test_root_that_a_unit_names_is_found(world: DoctorRoot, case: str) -> None:
    name, line = UNITS[case]
    place = other(world.user / "srv" / "bot home" if "quoted" in case else world.user / "srv" / "bot", profile="ann")
    path = unit(world, name, line.format(home=place))
    (found,) = world.findings("--only", "general.other-root")
    assert str(place) in found["message"] and str(path) in found["message"]
    done = world.runner.gateways("status", "--json", env=world.environment)
    assert path.name in next(row["message"] for row in done.json["warnings"] if row["code"] == "other-root")


def test_home_in_an_environment_file_or_of_an_instance_is_found(world: DoctorRoot) -> None:
    folder = world.user / ".config" / "systemd" / "user"
    by_file = unit(world, "my-bot.service", "EnvironmentFile=-%h/bot.env")
    assert homes_in(by_file, world.user) == ()
    (world.user / "bot.env").write_text("# HERMES_HOME=/srv/old\nA=CANARY\nexport HERMES_HOME='/srv/bot'\n")
    assert homes_in(by_file, world.user) == ("/srv/bot",)
    template = unit(world, "bot@.service", "Environment=HERMES_HOME=%h/.bots/%i")
    (folder / "default.target.wants").mkdir()
    for name in ("bot@ann.service", "other@bob.service"):
        (folder / "default.target.wants" / name).symlink_to(template)
    assert homes_in(template, world.user) == (f"{world.user}/.bots/ann",)


def test_home_of_the_account_in_a_unit_is_expanded(world: DoctorRoot) -> None:
    path = unit(world, "my-bot.service", "Environment=HERMES_HOME=%h/.agent")
    assert homes_in(path, world.user) == (f"{world.user}/.agent",)
    assert homes_in(unit(world, "my@.service", "Environment=HERMES_HOME=%h/.hermes-%i"), world.user) == ()
    assert homes_in(unit(world, "off.service", "# Environment=HERMES_HOME=/srv/x"), world.user) == ()


CODES = {
    "HERMES_HOME={home} exec hermes gateway run": "/srv/bot",
    "export HERMES_HOME='{home}'; exec hermes gateway run": "/srv/our bot",
    "HERMES_HOME=$HOME/.bot hermes gateway run": "{user}/.bot",
    'HERMES_HOME="${{HOME}}/my bot" hermes gateway run': "{user}/my bot",
    "HERMES_HOME=~/.bot hermes -p ann gateway run": "{user}/.bot",
}


@pytest.mark.parametrize("code", CODES)
def test_home_in_the_code_that_a_service_gives_to_a_shell_is_found(world: DoctorRoot, code: str) -> None:
    home = CODES[code].format(user=world.user)
    text = code.format(home=home)
    words = ["/bin/sh", "-lc", text]
    files = {
        "bot.service": f"[Service]\nExecStart={shlex.join(words)}\n".encode(),
        "bot.conf": f"[program:bot]\ncommand={shlex.join(words)}\n".encode(),
        "bot.plist": plistlib.dumps({"Label": "bot", "ProgramArguments": words}),
        "binary.plist": plistlib.dumps({"Label": "bot", "ProgramArguments": words}, fmt=plistlib.FMT_BINARY),
    }
    for name, content in files.items():
        (world.user / name).write_bytes(content)
        assert homes_in(world.user / name, world.user) == (home,), name


@pytest.mark.parametrize("form", list(plistlib.PlistFormat))
def test_home_in_an_agent_of_any_form_is_found(world: DoctorRoot, form: plistlib.PlistFormat) -> None:
    path, home = world.user / "bot.plist", "/Users/ada/K\u00fcche & Bad/.hermes"
    path.write_bytes(plistlib.dumps({"Label": "b", "EnvironmentVariables": {"HERMES_HOME": f"{home}/"}}, fmt=form))
    assert homes_in(path, world.user) == (home,)
    path.write_text("<plist><dict><!-- <key>HERMES_HOME</key><string>/old</string> --></dict></plist>")
    assert homes_in(path, world.user) == ()
    path.write_text("<plist><dict><key>HERMES_HOME</key><string>/srv/a & b</string></dict></plist>")
    assert homes_in(path, world.user) == ("/srv/a & b",), "as Hermes writes it, which no parser reads"


def test_own_root_and_folders_that_are_no_root_are_not_named(world: DoctorRoot) -> None:
    (world.user / ".hermes-empty").mkdir()
    (world.user / ".hermes-link").symlink_to(world.root)
    other(world.root / "home" / ".hermes")
    unit(world, "hermes-gateway-work.service", f"Environment=HERMES_HOME={world.home('work')}")
    unit(world, "hermes-gateway.service", f"Environment=HERMES_HOME={world.root}")
    unit(world, "gone.service", "Environment=HERMES_HOME=/nowhere/hermes")
    assert world.findings("--only", "general.other-root") == []
    layout = Layout(world.root, world.user)
    assert other_roots(layout, tuple((world.user / ".config/systemd/user").iterdir())) == ()


def test_standard_root_is_the_other_one_for_a_custom_root(world: DoctorRoot) -> None:
    place = other(world.user / ".hermes-work")
    (found,) = world.findings("--only", "general.other-root", "--home", str(place))
    assert str(world.root) in found["message"]


@pytest.mark.parametrize(("started", "severity"), [(False, "warning"), (True, "error")])
def test_bot_of_a_profile_of_another_root_is_a_conflict(world: DoctorRoot, started: bool, severity: str) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    place = other(world.user / ".hermes-work", f"TELEGRAM_BOT_TOKEN='{TOKEN}'\n", profile="ann")
    if started:
        unit(world, "my-bot.service", f"Environment=HERMES_HOME={place}/profiles/ann")
    (found,) = world.findings("--only", "conflicts.other-root")
    assert (found["severity"], found["profiles"], found["channel"]) == (severity, ["work"], "telegram")
    assert f"ann of {place}" in found["message"] and TOKEN not in str(found)
    assert found["evidence"][0]["line"] and found["evidence"][0]["key"] == "TELEGRAM_BOT_TOKEN"
    assert place.name in found["fix"]["command"]


def test_other_bot_of_another_root_is_no_conflict(world: DoctorRoot) -> None:
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    other(world.user / ".hermes-work", f"TELEGRAM_BOT_TOKEN={TOKEN[:-1]}B\n")
    assert world.findings("--only", "conflicts.other-root") == []
