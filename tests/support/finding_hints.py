"""Which fixes of the doctor are run by the test, what is typed, and why the rest is not."""

from __future__ import annotations

from collections.abc import Mapping

from doctor_root import Case, DoctorRoot
from fake_hermes import FakeHermes

TELEGRAM = "7000000002:CANARYtelegramCANARYtelegramCANARY2"
# What a person types, by the name of the case.
ANSWERS: Mapping[str, str] = {
    "one_port_for_two_channels_of_one_profile": "8655",
    "example_of_a_token": TELEGRAM,
    "word_that_hermes_refuses": "CANARYCANARYCANARYCANARY12.CANARY.CANARYCANARYCANARYCANARYCANARY",
    "star_in_a_list": "42",
    "a_key_of_the_environment": "8655",
    "port_out_of_range": "8655",
    "port_that_is_a_word": "8655",
}


def a_key_of_the_environment(world: DoctorRoot) -> None:
    world.profile("work", "API_SERVER_ENABLED=false\n")


def a_root_beside_this_one(world: DoctorRoot) -> None:
    for place in (world.user / ".hermes-work", world.user / ".hermes-work/profiles/ann"):
        place.mkdir(parents=True)
        (place / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")
        (place / ".env").chmod(0o600)


def one_bot_in_two_roots(world: DoctorRoot) -> None:
    a_root_beside_this_one(world)
    world.add("work", ".env", f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n")


def _marker(world: DoctorRoot, name: str) -> None:
    world.environment.update(FakeHermes(world.user / "newest").environment)
    marker = world.root / "profiles/.deleted" / name
    marker.parent.mkdir(exist_ok=True)
    marker.write_text("deleted\n")


def a_name_that_is_used_again(world: DoctorRoot) -> None:
    _marker(world, "again")
    world.profile("again")


def what_a_deleted_profile_left(world: DoctorRoot) -> None:
    (world.home("left") / "cron").mkdir(parents=True)
    _marker(world, "left")


def a_folder_that_is_no_profile(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest").environment)
    (world.home("ghost") / "cron").mkdir(parents=True)


MORE_CASES: tuple[Case, ...] = (
    Case(
        "conflicts.inherited-api", a_key_of_the_environment, ("default", "family"),
        environment={"API_SERVER_KEY": "CANARY-api-key-0123456789abcdef"},
    ),
    Case("general.other-root", a_root_beside_this_one, ()),
    Case("conflicts.other-root", one_bot_in_two_roots, ("work",)),
    Case("files.deleted-name", a_name_that_is_used_again, (), fixed=True),
    Case("files.deleted-name", what_a_deleted_profile_left, ()),
    Case("files.ghost-folder", a_folder_that_is_no_profile, ()),
)  # fmt: skip

_STARTS = "its fix starts a gateway, and none starts here: tests/unit/cli/test_gateways_run.py"
# Cases of checks whose other cases are run.
NOT_RUN: Mapping[str, str] = {
    "a_loop": _STARTS, "a_service_that_was_given_up": _STARTS, "a_configuration_that_cannot_work": _STARTS,
    "a_log_that_cannot_be_opened": _STARTS, "a_restart_that_nobody_did": _STARTS,
    "a_gateway_that_ran_out_of_memory": _STARTS, "a_gateway_that_was_stopped": _STARTS,
    "a_hermes_that_is_gone": "there is no Hermes until a person installs it",
    "_storm": "the starts of the last two minutes stay recorded after the stop",
    "_no_json": "lost rows come from a backup only", "_no_json_for_a_chat": "lost rows come from a backup only",
}  # fmt: skip
# The command opens an editor, shows a place, is one of Hermes', or needs an administrator: reason → checks.
ONLY_SHOWN: Mapping[str, tuple[str, ...]] = {
    "a person edits the file": (
        "conflicts.shared-identity", "security.secret-in-unit", "files.redirected", "files.repeated-key",
        "files.readers-disagree", "files.broken", "files.legacy-differs", "teams.exposed-secret",
        "teams.foreign-secret", "services.no-home",
    ),
    "a person decides what it is for": (
        "files.unknown-secret", "files.unreadable", "files.nested-home", "files.bad-folder", "files.orphan-alias",
        "services.name-clash", "services.hand-edited", "general.other-root", "conflicts.other-root",
    ),
    "a person decides where alerts are sent": ("runtime.no-alert",),
    "Hermes does it": (
        "conflicts.shared-login", "conflicts.cron-twice", "conflicts.foreign-session", "files.old-schema",
        "files.newer-schema", "services.legacy-unit",
    ),
    "an administrator does it": ("security.foreign-owner", "services.no-user-bus", "services.manager-unreachable"),
}  # fmt: skip
# Checks whose fix another test runs: check → file below tests/unit, and name of the test.
_LIVE = "doctor/test_live_fixes_work.py::test_fix_of_a_running_gateway_removes_the_finding"
FIXED_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys((
        "runtime.deaf", "runtime.silent", "runtime.two-gateways", "runtime.swapped-homes", "runtime.old-code",
        "runtime.unsupervised",
        "runtime.open-files", "runtime.memory", "runtime.restart-interrupted", "runtime.alert-unwatched",
        "runtime.backup-unwatched", "conflicts.inherited-identity", "conflicts.free-mask",
    ), _LIVE),
    "files.unwritable": "doctor/test_unwritable.py::test_fix_of_a_home_without_write_permission_works",
    "conflicts.held-elsewhere": "doctor/test_conflicts_live.py::test_held_elsewhere_names_the_other_root",
    "conflicts.port-taken": "doctor/test_conflicts_live.py::test_port_taken_by_another_process",
    "conflicts.moved": "profiles/test_placement.py::test_start_install_and_repair_refuse_it",
    "services.fold-ahead": "doctor/test_update_day.py::test_fold_ahead_is_led_over_by_the_fix_and_back_by_one_undo",
    "services.half-migrated": "doctor/test_update_day.py::test_unfinished_migration_is_finished_by_the_fix",
    "services.standalone": "doctor/test_update_day.py::test_standalone_profiles_are_named",
    "services.topology":
        "doctor/test_update_day.py::test_restart_of_default_applies_the_setting_and_serves_a_new_profile",
    "services.skipped-by-multiplexer":
        "doctor/test_update_day.py::test_restart_of_default_applies_the_setting_and_serves_a_new_profile",
    "services.unread-unit":
        "doctor/test_services_folders.py::test_unit_in_the_folder_of_an_earlier_release_is_moved_by_the_fix",
    "services.not-reloaded": "doctor/test_services_repair.py::test_changed_definition_is_reloaded_without_restart",
    "services.linger-off": "doctor/test_services_managers.py::test_linger_off_is_one_finding",
    "runtime.alert-failing":
        "doctor/test_alert_checks.py::test_destination_that_fails_again_and_again_is_a_warning",
    "runtime.backup-failed": "doctor/test_backup_checks.py::test_failed_backup_is_a_warning_until_one_of_all_works",
    "runtime.failed-start": "doctor/test_failed_start.py::test_recorded_failure_is_an_error",
    "runtime.database-unchecked": "doctor/test_runtime_databases.py::test_unchecked_databases_are_listed",
    "runtime.unused-sdk": "doctor/test_unused_sdk.py::test_libraries_of_no_channel_are_named_with_what_they_cost",
    "places.shared-identity": "cli/test_in_places.py::test_fixes_of_faults_between_places_end_them",
    "places.profile-twice": "cli/test_in_places.py::test_fixes_of_faults_between_places_end_them",
}  # fmt: skip
# Checks whose fix no test runs: reason → checks.
REST: Mapping[str, tuple[str, ...]] = {
    "an administrator changes the machine, or its disk": (
        "services.no-systemd", "runtime.disk", "runtime.inodes", "runtime.wal-filesystem", "places.clock",
    ),
    "it installs another release": ("runtime.unknown-release", "places.version"),
    "it reports a fault of this program, or shows what cannot be read": ("general.check-failed", "general.unseen"),
}  # fmt: skip
