"""Faults of services, managers and the shim that the cases of error_hints begin with."""

from __future__ import annotations

import json

from doctor_root import DoctorRoot
from fake_hermes import FakeHermes
from hermes_release import write_release
from hint_worlds_profiles import KEY
from service_fakes import Systemd


def services(world: DoctorRoot) -> Systemd:
    return Systemd(world, "work")


def service_of_a_renamed_home(world: DoctorRoot) -> None:
    services(world)
    world.home("work").rename(world.home("old"))


def profile_with_a_later_service(world: DoctorRoot) -> str:
    systemd = Systemd(world)
    change = world.runner.ok("create", "fresh", "--json", env=world.environment).data["change"]
    systemd.install("fresh")
    return str(change)


def newest(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest").environment)


def foreign_shim(world: DoctorRoot) -> None:
    place = world.user / ".local/share/hermes-profiles/shim/hermes"
    place.parent.mkdir(parents=True)
    place.write_text("#!/bin/sh\n")


def unmanageable(world: DoctorRoot) -> None:
    world.environment.update(HERMES_PROFILES_MANAGER="systemd")


def drop_in(world: DoctorRoot, name: str, text: str) -> None:
    systemd = services(world)
    systemd.drop_in("work").with_name(name).write_text(f"[Service]\n{text}\n")


def drop_in_unread(world: DoctorRoot) -> None:
    drop_in(world, "60-mine.conf", "EnvironmentFile=/nowhere/env")


def drop_in_before_ours(world: DoctorRoot) -> None:
    drop_in(world, "10-mine.conf", "TimeoutStopSec=7")


def drop_in_after_ours(world: DoctorRoot) -> None:
    drop_in(world, "60-mine.conf", "TimeoutStopSec=7")


def interrupted_restart(world: DoctorRoot) -> None:
    world.state.mkdir(exist_ok=True)
    data = {"profiles": ["work"], "pid": 4194303, "begun_at": 1.0, "owners": [], "on_conflict": "mask"}
    (world.state / "restart.json").write_text(json.dumps(data))


def folded_by_an_update(world: DoctorRoot) -> None:
    systemd = Systemd(world, "default", "work")
    write_release(systemd.python.parent.parent.parent, (0, 21, 3))


def key_of_the_environment(world: DoctorRoot) -> None:
    world.environment.update(API_SERVER_KEY=KEY)


def bypassed_shim(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install")
    world.environment.update(HERMES_PROFILES_SHIM="off")


def edited_start_file(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install", "--shell", "bash")
    path = world.user / ".bashrc"
    path.write_text(path.read_text().replace("export", "EXPORT"))


def hermes_before_the_shim(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install")
    FakeHermes(world.user / "newest")
    shim = world.user / ".local/share/hermes-profiles/shim"
    world.environment.update(PATH=f"{world.user / 'newest/bin'}:{shim}:/usr/bin:/bin")


def changed_shim(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install")
    path = world.user / ".local/share/hermes-profiles/shim/hermes"
    path.write_text(path.read_text() + "# x\n")


def standalone(world: DoctorRoot) -> None:
    newest(world)
    world.add("work", "config.yaml", "gateway:\n  standalone: true\n")


def unfinished_migration(world: DoctorRoot) -> None:
    newest(world)
    (world.root / "gateway_migration.json").write_text('{"secondaries": [{"profile": "work", "home": "x"}]}')


def hermes_of_next_year(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest", "0.99.0").environment)


def no_systemctl(world: DoctorRoot) -> None:
    world.environment.update(PATH=f"{services(world).python.parent}:/nowhere")


def hermes_in_a_container(world: DoctorRoot) -> None:
    systemd = Systemd(world)
    systemd.program(systemd.python.parent / "hermes", '#!/bin/sh\nexec docker exec -it box hermes "$@"\n')
