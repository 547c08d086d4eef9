"""Faults of profiles, settings, files and clones that the cases of error_hints begin with."""

from __future__ import annotations

import errno
import json
import shutil

import pytest
from doctor_root import DoctorRoot
from fake_hermes import FakeHermes
from finding_hints import TELEGRAM, _marker

KEY = "CANARY-api-key-0123456789abcdef"
TELEGRAM_LINE = f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n"


def no_profiles(world: DoctorRoot) -> None:
    shutil.rmtree(world.root)


def bot_of_default(world: DoctorRoot) -> None:
    world.add("default", ".env", f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")
    world.add("default", "config.yaml", "platforms:\n  telegram:\n    enabled: true\n")


def bot_named_by_a_tool(world: DoctorRoot) -> None:
    bot_of_default(world)
    world.add("default", "config.yaml", "mcp_servers:\n  chat:\n    env:\n      T: ${TELEGRAM_BOT_TOKEN}\n")


def path_into_the_source(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", f"terminal:\n  cwd: {world.home('work')}/desk\n")


def variable_twice(world: DoctorRoot) -> None:
    world.add("work", ".env", "NOTES=a\nNOTES=b\n")


def foreign_command(world: DoctorRoot) -> None:
    folder = world.user / ".local/bin"
    folder.mkdir(parents=True)
    (folder / "work").write_text("#!/bin/sh\n")


def deleted_and_emptied(world: DoctorRoot) -> None:
    world.runner.ok("delete", "work", "--yes")
    world.runner.ok("trash", "empty", "--yes")


def deleted(world: DoctorRoot) -> None:
    world.runner.ok("delete", "work", "--yes")


def shared_config(world: DoctorRoot) -> None:
    (world.home("work") / "config.yaml").unlink()
    (world.home("work") / "config.yaml").symlink_to("../../config.yaml")


def redirected(world: DoctorRoot) -> None:
    world.add("work", ".env", f"HERMES_HOME={world.root}\n")


def half_an_entry(world: DoctorRoot) -> None:
    world.runner.ok("use", "work")
    folder = world.state / "journal"
    (folder / "29990101T000000Z-abcd.json").write_text("{")


def impossible_port(world: DoctorRoot) -> None:
    world.add("work", ".env", "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY0123456789abcdef\nAPI_SERVER_PORT=70000\n")


def empty_folder(world: DoctorRoot) -> None:
    world.home("empty").mkdir()


def link_to_nothing(world: DoctorRoot) -> None:
    world.home("away").symlink_to(world.user / "disk" / "away")


def sticky_of_a_ghost(world: DoctorRoot) -> None:
    (world.root / "active_profile").write_text("ghost\n")


def left_name(world: DoctorRoot) -> None:
    world.home("left").mkdir()
    (world.home("left") / ".env").write_text("A=1\n")
    _marker(world, "left")


def ghost(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest").environment)
    (world.home("ghost") / "cron").mkdir(parents=True)


def other_root(world: DoctorRoot) -> None:
    (world.user / ".hermes-work").mkdir()
    (world.user / ".hermes-work/.env").write_text("A=1\n")


def api_servers(world: DoctorRoot) -> None:
    for name in ("work", "family"):
        world.add(name, ".env", f"API_SERVER_KEY={KEY}-{name}\nAPI_SERVER_PORT=87{len(name):02}\n")


def undone(world: DoctorRoot) -> str:
    change = world.runner.ok("use", "work", "--json").data["change"]
    world.runner.ok("undo")
    return str(change)


def damaged_key(world: DoctorRoot) -> None:
    world.runner.ok("use", "work")
    world.runner.ok("doctor")
    (world.state / "fingerprint.key").write_bytes(b"x")


def file_for_state(world: DoctorRoot) -> None:
    world.state.write_text("x")


def changed_after(world: DoctorRoot) -> None:
    world.runner.ok("config", "set", "work", "model.default", "x")
    world.add("work", "config.yaml", "# mine\n")


def script_that_starts(world: DoctorRoot) -> None:
    folder = world.user / ".local/bin"
    folder.mkdir(parents=True)
    (folder / "nightly").write_text("#!/bin/sh\ncd /tmp\nhermes -p work chat -q report\n")
    (folder / "work").write_text("#!/bin/sh\ncd /tmp\nhermes -p work chat\n")


def bitwarden(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "secrets:\n  bitwarden:\n    enabled: true\n")


def bot_for_all(world: DoctorRoot) -> None:
    folder = world.user / "managed"
    folder.mkdir()
    (folder / ".env").write_text(TELEGRAM_LINE)
    world.environment.update(HERMES_MANAGED_DIR=str(folder))


def secrets_of_a_program(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "secrets:\n  command:\n    enabled: true\n    command: x\n")


def switched_off(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n")


def private_key(world: DoctorRoot) -> None:
    world.write("default", "SOUL.md", f"-----BEGIN PRIVATE KEY-----\nCANARY{'A' * 60}\n-----END PRIVATE KEY-----\n")


def file_for_root(world: DoctorRoot) -> None:
    shutil.rmtree(world.root)
    world.root.write_text("x")


def used(world: DoctorRoot) -> None:
    world.runner.ok("use", "work")


def files_in_the_trash(world: DoctorRoot) -> str:
    """Put a skill of work in the trash by hand; return the id of the entry."""
    folder = world.state / "trash/20261101T000000Z-abcd-work"
    (folder / "files/skills").mkdir(parents=True)
    (folder / "files/skills/cook.md").write_text("# cook\n")
    about = {"schema": "hermes-profiles-trash/1", "name": "work", "origin": str(world.home("work")), "size": None}
    about |= {"deleted_at": "2026-11-01T00:00:00Z", "kind": "files", "reason": "x", "paths": ["skills/cook.md"]}
    (folder / "about.json").write_text(json.dumps(about))
    return folder.name


def trash_without_its_files(world: DoctorRoot) -> str:
    name = files_in_the_trash(world)
    (world.state / "trash" / name / "files/skills/cook.md").unlink()
    return name


def trash_of_a_linked_folder(world: DoctorRoot) -> str:
    (world.user / "skills").mkdir()
    (world.home("work") / "skills").symlink_to(world.user / "skills")
    return files_in_the_trash(world)


def old_bytes_gone(world: DoctorRoot) -> None:
    world.runner.ok("config", "set", "work", "model.default", "x")
    for backup in world.state.glob("journal/*/*"):
        backup.unlink()


def _forged(world: DoctorRoot, status: str) -> None:
    """Make the last change one of a file that is none of ours."""
    world.runner.ok("use", "work")
    (world.user / "photos").mkdir()
    (path,) = (world.state / "journal").glob("*.json")
    entry = json.loads(path.read_text()) | {"status": status}
    entry["steps"][0]["target"] = str(world.user / "photos/only.jpg")
    path.write_text(json.dumps(entry))


def change_of_another_place(world: DoctorRoot) -> None:
    _forged(world, "done")


def cut_change_of_another_place(world: DoctorRoot) -> None:
    _forged(world, "begun")


def change_of_the_original(world: DoctorRoot) -> None:
    """Copy a root beside its original; both share `profiles/` by a link."""
    (world.root / "profiles").rename(world.user / "disk")
    (world.root / "profiles").symlink_to(world.user / "disk")
    world.runner.ok("rename", "work", "office")
    shutil.copytree(world.root, world.user / "sandbox", symlinks=True)


def _not_permitted(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted", "/")


def no_way_back(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.changes.executor.Steps.forward", _not_permitted)
    machine.setattr("hermes_profiles.changes.executor.Steps.backward", _not_permitted)


def no_writing(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.changes.filesystem.Files.private_folder", _not_permitted)


def identity_of_a_program(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", f"secrets:\n  command:\n    enabled: true\n    command: echo {TELEGRAM_LINE}")


def unread_variables(world: DoctorRoot) -> None:
    world.add("work", ".env", 'PROMPT="open\n')
