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
# The faults of checks without a case here: reason → checks.
_LIVE = "a live gateway has it: tests/unit/doctor/test_runtime_live.py"
REST: Mapping[str, tuple[str, ...]] = {
    _LIVE: (
        "runtime.deaf", "runtime.silent", "runtime.two-gateways", "runtime.old-code", "runtime.unsupervised",
        "runtime.open-files", "runtime.memory",
    ),
    "a live gateway has it: tests/unit/doctor/test_conflicts_live.py": (
        "conflicts.held-elsewhere", "conflicts.inherited-identity", "conflicts.port-taken",
    ),
    "its fix restarts a gateway: tests/unit/doctor/test_cut_short.py": (
        "conflicts.free-mask", "runtime.restart-interrupted",
    ),
    "its fix starts or switches gateways: tests/unit/doctor/test_update_day.py": (
        "services.fold-ahead", "services.half-migrated", "services.standalone",
    ),
    "its fix restarts a gateway: tests/unit/doctor/test_services_topology.py": (
        "services.skipped-by-multiplexer", "services.topology",
    ),
    "its fix is run in tests/unit/doctor/test_services_folders.py": ("services.unread-unit",),
    "its fix is run in tests/unit/doctor/test_services_repair.py": ("services.not-reloaded",),
    "its fix is run in tests/unit/doctor/test_alert_checks.py": ("runtime.alert-failing",),
    "its fix starts the watcher": ("runtime.alert-unwatched",),
    "its fix is run in tests/unit/doctor/test_failed_start.py": ("runtime.failed-start",),
    "the machine has it, and an administrator changes it": (
        "services.linger-off", "services.no-systemd", "runtime.disk", "runtime.inodes", "runtime.wal-filesystem",
    ),
    "its fix is run in tests/unit/profiles/test_placement.py": ("conflicts.moved",),
    "a comparison of places has it: tests/unit/places/test_compare_places.py": (
        "places.shared-identity", "places.profile-twice", "places.clock", "places.version",
    ),
    "its fix reports a fault of this program": ("general.check-failed", "general.unseen"),
    "its fix runs a program of others for minutes": (
        "runtime.unknown-release", "runtime.database-unchecked", "runtime.unused-sdk",
    ),
}  # fmt: skip
