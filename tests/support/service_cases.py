"""Cases of faulty services."""

from __future__ import annotations

import shutil
import sys

from doctor_root import Case, DoctorRoot
from service_fakes import Systemd, everybody

from hermes_profiles.services.checksum import add_checksum


def a_profile_gone_with_its_service_left(world: DoctorRoot) -> None:
    world.profile("ghost")
    everybody(world).install("ghost")
    shutil.rmtree(world.home("ghost"))


def a_profile_gone_whose_service_loops(world: DoctorRoot) -> None:
    a_profile_gone_with_its_service_left_idle(world).loops("ghost", 200)


def a_profile_gone_with_an_idle_service_left(world: DoctorRoot) -> None:
    a_profile_gone_with_its_service_left_idle(world)


def a_profile_gone_with_its_service_left_idle(world: DoctorRoot) -> Systemd:
    world.profile("ghost")
    systemd = everybody(world)
    systemd.install("ghost")
    systemd.link("ghost").unlink()
    systemd.set_properties("ghost", ActiveState="inactive", SubState="dead")
    shutil.rmtree(world.home("ghost"))
    return systemd


def an_orphan_with_a_drop_in_of_the_users_own(world: DoctorRoot) -> None:
    a_profile_gone_with_its_service_left(world)
    unit = world.user / ".config/systemd/user/hermes-gateway-ghost.service"
    (unit.with_name(unit.name + ".d") / "60-mine.conf").write_text("[Service]\nNice=5\n")


def an_orphan_that_hermes_wrote_with_a_word_for_the_profile(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.unit("ghost").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile ghost gateway run\n"
        f'Environment="HERMES_HOME={world.home("ghost")}"\n'
    )
    systemd.set_properties("ghost", ActiveState="inactive", SubState="dead")


def a_link_whose_unit_is_gone(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.link("old").symlink_to(systemd.unit("old"))


def a_drop_in_whose_unit_is_gone(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.unit("work").unlink()
    systemd.link("work").unlink()


def two_managers_with_one_profile(world: DoctorRoot) -> None:
    systemd = everybody(world)
    assert systemd.gateways("stage", "work", "--manager", "supervisor").code == 0


def a_second_unit_under_another_name(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.units.joinpath("hermes-gateway-work2.service").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main gateway run\n"
        f'Environment="HERMES_HOME={world.home("work")}"\n'
    )
    systemd.set_properties("work2", ActiveState="inactive", SubState="dead")


def a_unit_of_an_old_release(world: DoctorRoot) -> None:
    systemd = Systemd(world, "work")
    systemd.units.joinpath("hermes.service").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main gateway run\n"
        f'Environment="HERMES_HOME={world.home("default")}"\n'
    )


def hermes_of_another_root_took_the_unit(world: DoctorRoot) -> None:
    systemd = everybody(world)
    (world.user / "other").mkdir()
    systemd.edit(systemd.unit("default"), f"HERMES_HOME={world.root}", f"HERMES_HOME={world.user}/other")


def a_home_behind_a_link_out_of_the_root(world: DoctorRoot) -> None:
    away = world.user / "disk" / "work"
    away.parent.mkdir()
    shutil.move(world.home("work"), away)
    world.home("work").symlink_to(away)
    systemd = Systemd(world, "default", "family")
    done = systemd.gateways("install", "--json")
    assert done.code == 6 and "link" in done.problem["message"], done


def a_hermes_that_moved(world: DoctorRoot) -> None:
    systemd = everybody(world)
    new = systemd.hermes("new")
    shutil.rmtree(world.user / "hermes")
    world.environment["PATH"] = f"{systemd.folder}:{new.parent}:/usr/bin:/bin"
    for name in ("default", "family"):
        systemd.install(name)


def a_hermes_that_is_gone(world: DoctorRoot) -> None:
    systemd = Systemd(world, "work")
    systemd.loops("work", 203)
    shutil.rmtree(world.user / "hermes")


def a_folder_that_is_gone(world: DoctorRoot) -> None:
    systemd = everybody(world)
    path = systemd.drop_in("work").with_name("60-mine.conf")
    path.write_text("[Service]\nWorkingDirectory=/nowhere/checkout\n")
    systemd.loops("work", 200)


def a_root_that_moved(world: DoctorRoot) -> None:
    systemd = Systemd(world)
    systemd.units.mkdir(parents=True)
    systemd.unit("work").write_text(
        f"[Service]\nExecStart={systemd.python} -m hermes_cli.main --profile work gateway run\n"
        'Environment="HERMES_HOME=/nowhere/.hermes/profiles/work"\n'
    )
    systemd.loops("work", 200)


def a_sticky_profile_and_a_default_service_without_a_pin(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.as_hermes_left_it("default")
    (world.root / "active_profile").write_text("work\n")


def a_systemd_that_does_not_answer(world: DoctorRoot) -> None:
    everybody(world).refuse("show", "Failed to list units: Message recipient disconnected")


def a_user_bus_that_is_gone(world: DoctorRoot) -> None:
    everybody(world).refuse("show", "Failed to connect to bus: Connection refused")


def a_loop(world: DoctorRoot) -> None:
    everybody(world).loops("work")


def a_service_that_was_given_up(world: DoctorRoot) -> None:
    everybody(world).failed("work", 1, "start-limit-hit")


def a_configuration_that_cannot_work(world: DoctorRoot) -> None:
    everybody(world).failed("work", 78)


def a_log_that_cannot_be_opened(world: DoctorRoot) -> None:
    everybody(world).failed("work", 209)


def a_restart_that_nobody_did(world: DoctorRoot) -> None:
    everybody(world).failed("work", 75)


def a_gateway_that_ran_out_of_memory(world: DoctorRoot) -> None:
    everybody(world).failed("work", 9, "oom-kill")


def a_service_beside_a_multiplexer(world: DoctorRoot) -> None:
    systemd = Systemd(world, "default", "work")
    systemd.loops("work")
    world.add("default", "config.yaml", "gateway:\n  multiplex_profiles: true\n")


def a_gateway_that_was_stopped(world: DoctorRoot) -> None:
    everybody(world).set_properties("work", ActiveState="inactive", SubState="dead")


def a_disabled_profile_that_starts(world: DoctorRoot) -> None:
    everybody(world)
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)


def a_drop_in_of_ours_changed_by_hand(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.edit(systemd.drop_in("work"), "KillMode=mixed", "KillMode=process")


def a_unit_changed_by_hand(world: DoctorRoot) -> None:
    systemd = everybody(world)
    systemd.edit(systemd.unit("work"), "Restart=always", "Restart=on-failure\nNice=5")


def a_longer_drain_than_the_service_allows(world: DoctorRoot) -> None:
    everybody(world)
    world.add("work", "config.yaml", "agent:\n  restart_drain_timeout: 300\n")


def a_helper_of_ours_that_is_gone(world: DoctorRoot) -> None:
    systemd = everybody(world)
    path = systemd.drop_in("work")
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if not line.startswith(b"# mark:")]
    text = b"".join(lines).replace(b"=-" + sys.executable.encode(), b"=-/nowhere/pipx/bin/python")
    assert b"/nowhere/pipx" in text
    path.write_bytes(add_checksum(text))


def an_mcp_server_that_the_service_does_not_find(world: DoctorRoot) -> None:
    systemd = everybody(world)
    tools = world.user / "tools"
    tools.mkdir()
    systemd.program(tools / "files-mcp", "#!/bin/sh\n")
    world.environment["PATH"] += f":{tools}"
    world.add("work", "config.yaml", "mcp_servers:\n  files:\n    command: files-mcp\n    args: [CANARY]\n")


def services_that_hermes_wrote(world: DoctorRoot) -> None:
    everybody(world).as_hermes_left_it("default", "family", "work")


ADOPT = frozenset({"services.not-adopted"})


def a_fleet_that_alerts_nowhere(world: DoctorRoot) -> None:
    everybody(world)


SERVICE_CASES: tuple[Case, ...] = (
    Case("runtime.no-alert", a_fleet_that_alerts_nowhere, (), severity="info"),
    Case("services.orphan", a_profile_gone_with_its_service_left, ("ghost",), fixed=True, severity="error"),
    Case("services.orphan", a_profile_gone_whose_service_loops, ("ghost",), fixed=True, severity="error"),
    Case("services.orphan", a_profile_gone_with_an_idle_service_left, ("ghost",), fixed=True, severity="warning"),
    Case("services.orphan", an_orphan_with_a_drop_in_of_the_users_own, ("ghost",), fixed=True, severity="error"),
    Case("services.orphan", an_orphan_that_hermes_wrote_with_a_word_for_the_profile, ("ghost",), fixed=True,
         severity="warning"),
    Case("services.orphan", a_link_whose_unit_is_gone, (), fixed=True, severity="warning"),
    Case("services.orphan", a_drop_in_whose_unit_is_gone, ("work",), fixed=True, severity="warning"),
    Case("services.two-supervisors", two_managers_with_one_profile, ("work",), severity="error"),
    Case("services.two-supervisors", a_second_unit_under_another_name, ("work",), severity="warning"),
    Case("services.legacy-unit", a_unit_of_an_old_release, ("default",)),
    Case("services.foreign", hermes_of_another_root_took_the_unit, ("default",)),
    Case("services.name-clash", a_home_behind_a_link_out_of_the_root, ("default", "work")),
    Case("services.no-interpreter", a_hermes_that_moved, ("work",), fixed=True),
    Case("services.no-interpreter", a_hermes_that_is_gone, ("work",)),
    Case("services.no-home", a_folder_that_is_gone, ("work",)),
    Case("services.no-home", a_root_that_moved, ("work",)),
    Case("services.sticky-redirect", a_sticky_profile_and_a_default_service_without_a_pin, ("default", "work"),
         also=ADOPT),
    Case("services.manager-unreachable", a_systemd_that_does_not_answer, ("default", "family", "work")),
    Case("services.no-user-bus", a_user_bus_that_is_gone, ("default", "family", "work")),
    Case("services.crash-loop", a_loop, ("work",)),
    Case("services.start-limit", a_service_that_was_given_up, ("work",)),
    Case("services.last-exit", a_configuration_that_cannot_work, ("work",), severity="error"),
    Case("services.last-exit", a_log_that_cannot_be_opened, ("work",), severity="error"),
    Case("services.last-exit", a_restart_that_nobody_did, ("work",), severity="warning"),
    Case("services.last-exit", a_gateway_that_ran_out_of_memory, ("work",), severity="error"),
    Case("services.unneeded", a_service_beside_a_multiplexer, ("work",)),
    Case("services.not-running", a_gateway_that_was_stopped, ("work",)),
    Case("services.disabled-but-enabled", a_disabled_profile_that_starts, ("work",)),
    Case("services.hand-edited", a_drop_in_of_ours_changed_by_hand, ("work",)),
    Case("services.hand-edited", a_unit_changed_by_hand, ("work",)),
    Case("services.drifted", a_longer_drain_than_the_service_allows, ("work",), fixed=True),
    Case("services.drifted", a_helper_of_ours_that_is_gone, ("work",), fixed=True),
    Case("services.path-lacks", an_mcp_server_that_the_service_does_not_find, ("work",)),
    Case("services.not-adopted", services_that_hermes_wrote, ("default", "family", "work"), severity="info"),
)  # fmt: skip
