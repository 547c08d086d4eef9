"""Errors and warnings that the test of hints provokes: one case for each code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import NamedTuple

from doctor_root import DoctorRoot
from fake_hermes import FakeHermes
from finding_hints import TELEGRAM, _marker
from hermes_release import write_release
from service_cases import a_systemd_that_does_not_answer, a_unit_changed_by_hand, a_user_bus_that_is_gone
from service_fakes import Systemd
from team_cases import LEAD_TOKEN, healthy, two_leads

KEY = "CANARY-api-key-0123456789abcdef"
ADDRESS = "https://bot.example.org"
SWITCH = "hermes-profiles team run-mode multiplex --dry-run"


class HintCase(NamedTuple):
    """One way to get an error code.

    `command`: what is run; `plant`: prepares the sandbox; `typed`: input of the command; `answer`: input of the hint;
    `names`: values of the placeholders in the hint.
    """

    code: str
    command: str
    plant: Callable[[DoctorRoot], object] | None = None
    typed: str = ""
    answer: str = ""
    names: Mapping[str, str] = {}


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


def deleted_and_made_again(world: DoctorRoot) -> None:
    deleted(world)
    world.profile("work")


def shared_config(world: DoctorRoot) -> None:
    (world.home("work") / "config.yaml").unlink()
    (world.home("work") / "config.yaml").symlink_to("../../config.yaml")


def redirected(world: DoctorRoot) -> None:
    world.add("work", ".env", f"HERMES_HOME={world.root}\n")


def lead_as_member(world: DoctorRoot) -> None:
    healthy(world)
    world.write("work", "profile.yaml", "teams: {other: {channel: telegram}}\n", mode=0o600)


def without_lead(world: DoctorRoot) -> None:
    healthy(world)
    world.write("default", "profile.yaml", "description: x\n", mode=0o600)


def half_an_entry(world: DoctorRoot) -> None:
    world.runner.ok("use", "work")
    folder = world.state / "journal"
    (folder / "29990101T000000Z-abcd.json").write_text("{")


def empty_folder(world: DoctorRoot) -> None:
    world.home("empty").mkdir()


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


def services(world: DoctorRoot) -> Systemd:
    return Systemd(world, "work")


def profile_with_a_later_service(world: DoctorRoot) -> str:
    systemd = Systemd(world)
    change = world.runner.ok("create", "fresh", "--json", env=world.environment).data["change"]
    systemd.install("fresh")
    return str(change)


def api_servers(world: DoctorRoot) -> None:
    for name in ("work", "family"):
        world.add(name, ".env", f"API_SERVER_KEY={KEY}-{name}\nAPI_SERVER_PORT=87{len(name):02}\n")


def undone(world: DoctorRoot) -> str:
    change = world.runner.ok("use", "work", "--json").data["change"]
    world.runner.ok("undo")
    return str(change)


def other_lead(world: DoctorRoot) -> None:
    world.runner.ok("team", "create", "friends", "--lead", "work", "--channel", "telegram")


def two_teams(world: DoctorRoot) -> None:
    healthy(world)
    world.runner.ok("team", "create", "friends", "--lead", "work", "--channel", "telegram", "--members", "cid")


PROFILE_CASES: tuple[HintCase, ...] = (
    HintCase("not-found", "hermes-profiles show ghost"),
    HintCase("bad-name", "hermes-profiles show 'My Bot'"),
    HintCase("exists", "hermes-profiles create work"),
    HintCase("reserved-name", "hermes-profiles alias work --name chat"),
    HintCase("alias-taken", "hermes-profiles alias work", foreign_command),
    HintCase("default-profile", "hermes-profiles delete default --yes"),
    HintCase("not-confirmed", "hermes-profiles delete work"),
    HintCase("deleted-name", "hermes-profiles show left", left_name),
    HintCase("no-identity", "hermes-profiles show ghost", ghost),
    HintCase("left-folder", "hermes-profiles list", empty_folder),
    HintCase("sticky-gone", "hermes-profiles list", sticky_of_a_ghost),
    HintCase("no-root", "hermes-gateways status", no_profiles),
    HintCase("no-such-change", "hermes-profiles undo"),
    HintCase("gone", "hermes-profiles undo", deleted_and_emptied),
    HintCase("not-undoable", "hermes-profiles undo {}", undone),
    HintCase("unreadable-journal", "hermes-profiles undo", half_an_entry),
    HintCase("no-such-check", "hermes-profiles doctor --only nope"),
    HintCase("no-such-shell", "hermes-profiles completion tcl"),
    HintCase("no-shell", "hermes-profiles shim install --shell-setup"),
    HintCase("dangling-reference", "hermes-profiles clone default kid --dry-run", bot_named_by_a_tool),
    HintCase("conflict", "hermes-profiles clone default kid --clone-channels", bot_of_default),
    HintCase("source-path", "hermes-profiles clone work kid", path_into_the_source),
    HintCase("redirected", "hermes-profiles show work", redirected),
    HintCase("not-set", "hermes-profiles config unset work model.nothing"),
    HintCase("bad-path", "hermes-profiles config set work 'a..b' 1"),
    HintCase("bad-value", "hermes-profiles config set work model.default '[a'"),
    HintCase("secret-in-arguments", "hermes-profiles env set work A=b", answer="b"),
    HintCase("no-value", "hermes-profiles env set work NOTES", answer="b"),
    HintCase("duplicate", "hermes-profiles env set work NOTES", variable_twice, typed="c"),
    HintCase("shared-file", "hermes-profiles config set work model.default x", shared_config, answer="x"),
    HintCase("shared-identity", "hermes-profiles env set work TELEGRAM_BOT_TOKEN", bot_of_default, typed=TELEGRAM),
    HintCase("shared-port", "hermes-profiles env set work API_SERVER_PORT", api_servers, typed="8706"),
    HintCase("identity", "hermes-profiles sync --from default --to work --env TELEGRAM_BOT_TOKEN", bot_of_default),
    HintCase("bad-account", "hermes-profiles connect work telegram --offline", typed="NOPE=1\n"),
    HintCase("bad-token", "hermes-profiles connect work telegram --offline", typed="TELEGRAM_BOT_TOKEN=abc\n"),
    HintCase("no-allow-list", "hermes-profiles connect work telegram --offline", typed=f"{TELEGRAM}\n", answer="7"),
    HintCase("set-up-by-hermes", "hermes-profiles connect work whatsapp"),
    HintCase("usage", "hermes-profiles remove work --yes"),
    HintCase("other-root", "hermes-gateways status", other_root),
    HintCase("no-group", "hermes-gateways list --group friends"),
    HintCase("no-service", "hermes-gateways start work", Systemd),
    HintCase("has-service", "hermes-profiles undo {}", profile_with_a_later_service),
)  # fmt: skip


TEAM_CASES: tuple[HintCase, ...] = (
    HintCase("no-such-team", "hermes-profiles team show friends"),
    HintCase("team-exists", "hermes-profiles team create crew", healthy),
    HintCase("no-such-channel", "hermes-profiles team create friends --channel telegramm"),
    HintCase("no-team", "hermes-profiles team add fresh --no-account"),
    HintCase("no-terminal", "hermes-profiles team add fresh --login", healthy),
    HintCase("no-member", "hermes-profiles team remove work --yes", healthy),
    HintCase("is-lead", "hermes-profiles team remove default --yes", healthy),
    HintCase("leads-a-team", "hermes-profiles team add default --no-account", healthy),
    HintCase("default", "hermes-profiles team add default --no-account", other_lead),
    HintCase("lead-is-member", "hermes-profiles team create friends --lead ann", healthy),
    HintCase("two-teams", "hermes-profiles team remove ann cid --yes", two_teams),
    HintCase("other-team", "hermes-profiles team add ann --team friends --no-account", two_teams),
    HintCase("no-lead", "hermes-profiles team show crew", without_lead),
    HintCase("not-own", "hermes-profiles team sync --not-own ann:model.default", healthy),
    HintCase("bad-own", "hermes-profiles team sync --own model.default", healthy),
    HintCase("bad-share", "hermes-profiles team create friends --share all"),
    HintCase("account-taken", "hermes-profiles team add cid --account-id lead@im.bot", healthy,
             typed=LEAD_TOKEN),
    HintCase("bad-allow", "hermes-profiles team add cid --account-id x@im.bot --allow '*'", healthy,
             typed="CANARY-token-0000001"),
    HintCase("shared-in-team", "hermes-profiles config set ann model.default other", healthy),
    HintCase("team-follows", "hermes-profiles config set default model.default other", healthy),
    HintCase("no-such-kind", "hermes-profiles team import whatsapp x"),
    HintCase("no-accounts", "hermes-profiles team import openclaw nowhere"),
    HintCase("bad-mode", "hermes-profiles team run-mode all", healthy),
    HintCase("needs-address", SWITCH, healthy, answer=ADDRESS),
)  # fmt: skip


# --- run modes: what a switch refuses, with the command that mends it ---

URLS = "WEIXIN_BASE_URL=https://bot.example.org\nWEIXIN_CDN_BASE_URL=https://bot.example.org\n"
TELEGRAM_LINE = f"TELEGRAM_BOT_TOKEN={TELEGRAM}\n"


def team(world: DoctorRoot) -> None:
    """Create a team whose switch is refused only because default has an account too."""
    healthy(world)
    world.add("default", ".env", URLS)


def disabled_default(world: DoctorRoot) -> None:
    team(world)
    world.write("default", "profile.yaml", "disabled: true\n" + (world.root / "profile.yaml").read_text(), mode=0o600)


def api_server(world: DoctorRoot) -> None:
    world.add("work", ".env", f"API_SERVER_KEY={KEY}\n")


def overruled(world: DoctorRoot) -> None:
    world.add("default", ".env", "GATEWAY_MULTIPLEX_PROFILES=false\n")


def token_of_a_vault(world: DoctorRoot) -> None:
    world.write("work", ".op.env", TELEGRAM_LINE, mode=0o600)


def one_account(world: DoctorRoot) -> None:
    world.add("work", ".env", TELEGRAM_LINE)
    world.add("family", ".env", TELEGRAM_LINE)


def broken_config(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "a: [\n")


def listener_of_newest(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest").environment)
    world.add("work", ".env", f"API_SERVER_KEY={KEY}\n")


def newest(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest").environment)


def job(world: DoctorRoot) -> None:
    world.write("work", "cron/jobs.json", '{"jobs": [{"id": "a", "enabled": true, "state": "scheduled"}]}')


def weixin(world: DoctorRoot, more: str = "") -> None:
    world.add("work", ".env", f"WEIXIN_TOKEN={LEAD_TOKEN}\nWEIXIN_ACCOUNT_ID=work@im.bot\n{URLS}{more}")


def open_to_everyone(world: DoctorRoot) -> None:
    weixin(world, "WEIXIN_DM_POLICY=open\n")


def chats_of_groups(world: DoctorRoot) -> None:
    world.add("work", ".env", f"{TELEGRAM_LINE}TELEGRAM_ALLOWED_USERS=7\nTELEGRAM_GROUP_ALLOWED_CHATS=7\n")


RUN_MODE_CASES: tuple[HintCase, ...] = (
    HintCase("answers-for-others", SWITCH, team, names={"NAME": "cid"}),
    HintCase("disabled", SWITCH, disabled_default),
    HintCase("port-binding", SWITCH, api_server),
    HintCase("overruled", SWITCH, overruled),
    HintCase("unread-variable", SWITCH, token_of_a_vault, answer=TELEGRAM),
    HintCase("same-account", SWITCH, one_account),
    HintCase("jobs", SWITCH, job),
    HintCase("unreadable", SWITCH, broken_config),
    HintCase("no-such-mode", "hermes-profiles team run-mode processes --dry-run", newest),
    HintCase("no-listener", SWITCH, listener_of_newest),
    HintCase("open-policy", SWITCH, open_to_everyone),
    HintCase("pairing-codes", SWITCH, weixin, answer="7"),
    HintCase("conversations", SWITCH, weixin),
    HintCase("unread-access", SWITCH, chats_of_groups),
    HintCase("two-leads", "hermes-profiles team sync", two_leads),
)  # fmt: skip


# --- files and services ---


def damaged_key(world: DoctorRoot) -> None:
    world.runner.ok("use", "work")
    world.runner.ok("doctor")
    (world.state / "fingerprint.key").write_bytes(b"x")


def file_for_state(world: DoctorRoot) -> None:
    world.state.write_text("x")


def foreign_shim(world: DoctorRoot) -> None:
    place = world.user / ".local/share/hermes-profiles/shim/hermes"
    place.parent.mkdir(parents=True)
    place.write_text("#!/bin/sh\n")


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


def table(world: DoctorRoot, text: str) -> None:
    (world.user / "accounts.csv").write_text(text)


def accounts(world: DoctorRoot) -> None:
    healthy(world)
    table(world, "account_id,token,name\nz1@im.bot,CANARY-token-of-zed-000001,zed\n")


def accounts_with_another_column(world: DoctorRoot) -> None:
    healthy(world)
    table(world, "account_id,token,name,allow,shoe\nz1@im.bot,CANARY-token-of-zed-000001,zed,me,7\n")


def folded_by_an_update(world: DoctorRoot) -> None:
    systemd = Systemd(world, "default", "work")
    write_release(systemd.python.parent.parent.parent, (0, 21, 3))


def key_of_the_environment(world: DoctorRoot) -> None:
    world.environment.update(API_SERVER_KEY=KEY)


def bot_for_all(world: DoctorRoot) -> None:
    folder = world.user / "managed"
    folder.mkdir()
    (folder / ".env").write_text(TELEGRAM_LINE)
    world.environment.update(HERMES_MANAGED_DIR=str(folder))


def bypassed_shim(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install")
    world.environment.update(HERMES_PROFILES_SHIM="off")


def edited_start_file(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install", "--shell", "bash")
    path = world.user / ".bashrc"
    path.write_text(path.read_text().replace("export", "EXPORT"))


def secrets_of_a_program(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "secrets:\n  command:\n    enabled: true\n    command: x\n")


def switched_off(world: DoctorRoot) -> None:
    world.add("work", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n")


def disabled_bot(world: DoctorRoot) -> None:
    world.add("work", ".env", TELEGRAM_LINE)
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)


def private_key(world: DoctorRoot) -> None:
    world.write("default", "SOUL.md", f"-----BEGIN PRIVATE KEY-----\nCANARY{'A' * 60}\n-----END PRIVATE KEY-----\n")


def file_for_root(world: DoctorRoot) -> None:
    shutil.rmtree(world.root)
    world.root.write_text("x")


def hermes_before_the_shim(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install")
    FakeHermes(world.user / "newest")
    shim = world.user / ".local/share/hermes-profiles/shim"
    world.environment.update(PATH=f"{world.user / 'newest/bin'}:{shim}:/usr/bin:/bin")


def changed_shim(world: DoctorRoot) -> None:
    world.runner.ok("shim", "install")
    path = world.user / ".local/share/hermes-profiles/shim/hermes"
    path.write_text(path.read_text() + "# x\n")


def skills_in_a_member(world: DoctorRoot) -> None:
    healthy(world)
    place = world.home("ann") / "skills"
    place.unlink()
    (world.root / "skills").rename(place)
    (world.root / "skills").symlink_to("profiles/ann/skills")


def linked_home_with_own_persona(world: DoctorRoot) -> None:
    healthy(world)
    away = world.user / "ann"
    world.home("ann").rename(away)
    world.home("ann").symlink_to(away)
    (away / "SOUL.md").unlink()
    (away / "SOUL.md").write_text("mine\n")


def two_managers(world: DoctorRoot) -> None:
    systemd = services(world)
    assert systemd.gateways("stage", "work", "--manager", "supervisor").code == 0


def standalone(world: DoctorRoot) -> None:
    newest(world)
    world.add("work", "config.yaml", "gateway:\n  standalone: true\n")


def unfinished_migration(world: DoctorRoot) -> None:
    newest(world)
    (world.root / "gateway_migration.json").write_text('{"secondaries": [{"profile": "work", "home": "x"}]}')


def taken_accounts(world: DoctorRoot) -> None:
    healthy(world)
    table(world, f"account_id,token,name\nlead@im.bot,{LEAD_TOKEN},zed\n")


def stored_account(world: DoctorRoot) -> None:
    account = {"token": "CANARY-token-000000001", "base_url": ADDRESS, "user_id": "u", "saved_at": "2026"}
    world.write("work", "weixin/accounts/z1@im.bot.json", json.dumps(account), mode=0o600)
    world.runner.ok("team", "create", "friends", "--lead", "default", "--channel", "telegram")


def hermes_of_next_year(world: DoctorRoot) -> None:
    world.environment.update(FakeHermes(world.user / "newest", "0.99.0").environment)


def no_systemctl(world: DoctorRoot) -> None:
    world.environment.update(PATH=f"{services(world).python.parent}:/nowhere")


def half_a_record(world: DoctorRoot) -> None:
    world.state.mkdir()
    (world.state / "runmode.json").write_text("{")


IMPORT = "hermes-profiles team import csv accounts.csv --team crew --dry-run"
FILE_CASES: tuple[HintCase, ...] = (
    HintCase("bad-fingerprint-key", "hermes-profiles env list work", damaged_key),
    HintCase("bad-state", "hermes-profiles use work", file_for_state),
    HintCase("bad-shell", "hermes-profiles shim install --shell tcsh"),
    HintCase("foreign-file", "hermes-profiles shim install", foreign_shim),
    HintCase("no-hermes", "hermes-gateways install work"),
    HintCase("no-alias", "hermes-profiles create ls"),
    HintCase("not-an-alias", "hermes-profiles alias work --remove", script_that_starts),
    HintCase("script-left", "hermes-profiles delete work --yes", script_that_starts),
    HintCase("not-on-path", "hermes-profiles alias work"),
    HintCase("no-systemd", "hermes-gateways status", unmanageable),
    HintCase("secret-in-service", "hermes-gateways install work --env TELEGRAM_BOT_TOKEN=CANARY", Systemd),
    HintCase("changed-since", "hermes-profiles undo", changed_after),
    HintCase("bitwarden", "hermes-profiles clone work kid", bitwarden),
    HintCase("edit-replaced", "hermes-gateways install work --force", a_unit_changed_by_hand),
    HintCase("drop-in-unread", "hermes-gateways install work", drop_in_unread),
    HintCase("drop-in-without-effect", "hermes-gateways install work", drop_in_before_ours),
    HintCase("drop-in-in-front", "hermes-gateways install work", drop_in_after_ours),
    HintCase("folded-on-update", "hermes-gateways install work", folded_by_an_update),
    HintCase("inherited-api", "hermes-gateways status", key_of_the_environment, answer="8655"),
    HintCase("managed-identity", "hermes-profiles repair --dry-run", bot_for_all),
    HintCase("bypassed", "hermes-profiles shim status", bypassed_shim),
    HintCase("edited-block", "hermes-profiles shim install --shell bash", edited_start_file),
    HintCase("secret-source", "hermes-profiles clone work kid", secrets_of_a_program),
    HintCase("channel-off", "hermes-profiles env set work TELEGRAM_BOT_TOKEN", switched_off, typed=TELEGRAM),
    HintCase("switched-off", SWITCH, disabled_bot),
    HintCase("named-shapes", "hermes-profiles clone default kid --strict-shapes", private_key),
    HintCase("os-error", "hermes-profiles create fresh", file_for_root),
    HintCase("shadowed", "hermes-profiles shim status", hermes_before_the_shim),
    HintCase("other-text", "hermes-profiles shim status", changed_shim),
    HintCase("pool-in-member", "hermes-profiles team sync", skills_in_a_member),
    HintCase("home-is-link", "hermes-profiles team sync", linked_home_with_own_persona),
    HintCase("another-manager", SWITCH, two_managers),
    HintCase("standalone", "hermes-gateways install work", standalone),
    HintCase("half-migrated", "hermes-gateways upgrade-check", unfinished_migration),
    HintCase("nothing-imported", IMPORT, taken_accounts),
    HintCase("other-channel", "hermes-profiles team import hermes work --team friends --dry-run", stored_account),
    HintCase("newer-hermes", "hermes-gateways upgrade-check", hermes_of_next_year),
    HintCase("no-user-bus", "hermes-gateways status", a_user_bus_that_is_gone),
    HintCase("no-manager", "hermes-gateways status", a_systemd_that_does_not_answer),
    HintCase("not-reached", "hermes-profiles connect work telegram --api http://127.0.0.1:9/bot", typed=TELEGRAM),
    HintCase("supervisor", "hermes-gateways awake on"),
    HintCase("no-program", "hermes-gateways status", no_systemctl),
    HintCase("unreadable-record", "hermes-profiles team run-mode", half_a_record),
    HintCase("no-alert", "hermes-gateways alert remove phone"),
    HintCase("no-place", "hermes-gateways place show vps"),
    HintCase("bad-address", "hermes-gateways place add vps --ssh=-x"),
    HintCase("restart-interrupted", "hermes-gateways status", interrupted_restart),
    HintCase("named-twice", "hermes-profiles team create friends --members ann,ann"),
    HintCase("no-such-account", f"{IMPORT} --only q", accounts),
    HintCase("nobody-allowed", IMPORT, accounts),
    HintCase("unknown-column", IMPORT, accounts_with_another_column),
    HintCase("team-differs", f"{IMPORT} --lead work", accounts),
    HintCase("readable-by-others", IMPORT, accounts),
    HintCase("unreadable-document", "hermes-profiles config get work model", broken_config),
)  # fmt: skip

HINT_CASES = (*PROFILE_CASES, *TEAM_CASES, *RUN_MODE_CASES, *FILE_CASES)
# Hints without a command, of codes with a case: reason → codes.
NO_COMMAND: Mapping[str, tuple[str, ...]] = {
    "the first command is run again with another argument": (
        "bad-allow", "named-twice", "no-such-account", "unknown-column", "nobody-allowed", "team-differs",
        "nothing-imported",
    ),
    "a person edits a file": ("unreadable", "unreadable-document"),
    "a person decides where secrets are kept": ("bitwarden", "secret-source", "shadowed"),
}  # fmt: skip
# Codes without any hint: reason → codes.
NO_HINT: Mapping[str, tuple[str, ...]] = {
    "a note about what was done or kept; nothing is left to do": (
        "approvals-kept", "bound-agent", "comment", "drop-in-kept", "jobs-kept", "left-behind", "left-out",
        "link-replaced", "moved-address", "parts", "recovered", "redacted", "restart-finished", "service-options",
        "sticky-reset", "temporary",
    ),
    "a note about an entry of a foreign file that is ignored": (
        "bad-user", "listed-twice", "no-id", "older-file", "other-token", "outside-link",
    ),
    "a note of the demo about itself": ("demo", "leak"),
    "the user interrupted it": ("interrupted",),
    "the message is the answer of Hermes or of a manager": (
        "awake", "watch", "masked", "no-answer", "no-socket", "not-unloaded", "refused", "unsupported",
    ),
    "an error of this program or of a release of Hermes": ("unserved", "unsettled"),
}  # fmt: skip
# Codes with a hint that no case provokes: reason → codes.
NOT_PROVOKED: Mapping[str, tuple[str, ...]] = {
    "profiles of other places: tests/unit/profiles/test_placement.py": ("bad-placements", "moved", "not-moved"),
    "moves between places: tests/unit/moves/, tests/unit/cli/test_move_command.py": (
        "bot-elsewhere", "broken-stream", "foreign-manager", "given-back", "handed-over", "links-out",
        "move-taken-over", "move-unclear", "move-unfinished", "not-arriving", "not-committed", "not-handed-over",
        "not-moving", "older-hermes", "taken-back", "target-unfit", "team-apart", "unclear-gateway", "unreadable-file",
    ),
    "live gateways have it: tests/unit/cli/test_gateways_run.py, test_one_gateway_verbs.py, test_team_mode.py": (
        "another-domain", "conflict-ignored", "gateway", "half-way", "identity-pending", "inside", "kept", "mask-free",
        "mask-takes-tool", "memory", "not-connected", "not-masked", "not-served", "not-started", "not-unserved",
        "outside", "partial", "running", "served", "served-elsewhere", "service", "still-shared",
        "unfinished", "unknown-process", "unsupervised", "waiting", "whole-gateway",
    ),
    "an access of live members: tests/unit/multiplex/test_multiplex_access.py, test_multiplex_limits.py": (
        "foreign-access", "foreign-environment", "inherited-access", "shared-ingress",
        "unheard-meanwhile", "unknown-manager",
    ),
    "remarks of `status` with the command of another code: tests/unit/fleet/test_listening.py": (
        "no-channel", "channel-masked",
    ),
    "a destination, its network or its library has it: tests/unit/cli/test_alert_command.py": (
        "not-delivered", "no-apprise", "not-alerted", "unencrypted",
    ),
    "a host or a cluster has it: tests/unit/places/test_transport.py": (
        "no-client", "no-program-there", "place-silent",
    ),
    "a file of `export`, its passphrase or a library: tests/unit/cli/test_archive_commands.py, tests/unit/archives": (
        "bad-archive", "newer-format", "holds-identities", "too-large", "locked", "no-age", "no-zstd", "link-out",
        "no-such-file", "database",
    ),
    "another host has it: tests/unit/cli/test_in_places.py": (
        "bad-answer", "bad-fleet-key", "other-fleet", "other-version-there", "place-clock", "place-file-system",
        "place-key", "place-linger", "place-no-hermes", "place-version",
    ),
    "a watcher starts as a service: tests/unit/cli/test_events_command.py": ("not-watched", "not-watching"),
    "a command that does not end: tests/unit/operations/test_foreground_fleet.py": ("runs-in-foreground",),
    "files outside the root, an image that is not ours: tests/unit/cli/test_render_command.py": (
        "image-without-digest", "image-without-hermes-profiles", "large-pod", "not-a-folder", "unknown-time-zone",
    ),
    "a server, and a file outside the root: tests/unit/operations/test_metrics.py": (
        "cannot-listen", "no-folder", "not-loopback", "textfile-name",
    ),
    "the machine, its manager or an administrator has to change": (
        "linger", "linger-off", "manager-timeout", "no-domain", "no-journal", "no-logind",
        "no-supervisord", "not-allowed", "not-held", "old-systemd", "other-user", "service-left",
        "sudo", "system-service", "wsl", "wsl-without-systemd",
    ),
    "the file system or another process is in the way": (
        "behind-a-link", "busy", "changed-meanwhile", "disk-full", "failed", "foreign-folder", "foreign-owner",
        "mode-not-kept", "no-fingerprint-key", "no-space", "no-such-entry", "not-a-file", "not-recovered",
        "not-rolled-back", "other-file-system", "unreadable-entry", "unreadable-folder",
        "unspeakable-path", "forgotten", "foreign-entry",
    ),
    "a login at a platform, or its set-up in a terminal": (
        "left-over", "no-login", "no-pairing", "no-setup", "token-refused",
    ),
    "what a person has to look for in own files": (
        "bad-names", "in-the-way", "includes", "managed-ignored", "managed-unreadable", "name-clash",
        "not-searched", "older-scan", "secret-source-dropped",
        "hand-edited",
    ),
    "another program, or another release of this one": (
        "hermes-launcher", "internal",
    ),
}  # fmt: skip
# Hints that need more than input.
NOT_RUN: Mapping[str, str] = {"no-terminal": "it needs a terminal"}
