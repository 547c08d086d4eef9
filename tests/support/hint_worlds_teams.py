"""Faults of teams, imports and run modes that the cases of error_hints begin with."""

from __future__ import annotations

import json
import shutil

from doctor_root import DoctorRoot
from fake_hermes import FakeHermes
from hint_worlds_profiles import KEY, TELEGRAM_LINE
from hint_worlds_services import newest, services
from openclaw_install import OpenClaw
from team_cases import LEAD_TOKEN, healthy

ADDRESS = "https://bot.example.org"
URLS = f"WEIXIN_BASE_URL={ADDRESS}\nWEIXIN_CDN_BASE_URL={ADDRESS}\n"


def without_lead(world: DoctorRoot) -> None:
    healthy(world)
    world.write("default", "profile.yaml", "description: x\n", mode=0o600)


def other_lead(world: DoctorRoot) -> None:
    world.runner.ok("team", "create", "friends", "--lead", "work", "--channel", "telegram")


def two_teams(world: DoctorRoot) -> None:
    healthy(world)
    world.runner.ok("team", "create", "friends", "--lead", "work", "--channel", "telegram", "--members", "cid")


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


def job(world: DoctorRoot) -> None:
    world.write("work", "cron/jobs.json", '{"jobs": [{"id": "a", "enabled": true, "state": "scheduled"}]}')


def weixin(world: DoctorRoot, more: str = "") -> None:
    world.add("work", ".env", f"WEIXIN_TOKEN={LEAD_TOKEN}\nWEIXIN_ACCOUNT_ID=work@im.bot\n{URLS}{more}")


def open_to_everyone(world: DoctorRoot) -> None:
    weixin(world, "WEIXIN_DM_POLICY=open\n")


def chats_of_groups(world: DoctorRoot) -> None:
    world.add("work", ".env", f"{TELEGRAM_LINE}TELEGRAM_ALLOWED_USERS=7\nTELEGRAM_GROUP_ALLOWED_CHATS=7\n")


def table(world: DoctorRoot, text: str) -> None:
    (world.user / "accounts.csv").write_text(text)


def accounts(world: DoctorRoot) -> None:
    healthy(world)
    table(world, "account_id,token,name\nz1@im.bot,CANARY-token-of-zed-000001,zed\n")


def accounts_with_another_column(world: DoctorRoot) -> None:
    healthy(world)
    table(world, "account_id,token,name,allow,shoe\nz1@im.bot,CANARY-token-of-zed-000001,zed,me,7\n")


def disabled_bot(world: DoctorRoot) -> None:
    world.add("work", ".env", TELEGRAM_LINE)
    world.write("work", "profile.yaml", "disabled: true\n", mode=0o600)


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


def taken_accounts(world: DoctorRoot) -> None:
    healthy(world)
    table(world, f"account_id,token,name\nlead@im.bot,{LEAD_TOKEN},zed\n")


def stored_account(world: DoctorRoot) -> None:
    account = {"token": "CANARY-token-000000001", "base_url": ADDRESS, "user_id": "u", "saved_at": "2026"}
    world.write("work", "weixin/accounts/z1@im.bot.json", json.dumps(account), mode=0o600)
    world.runner.ok("team", "create", "friends", "--lead", "default", "--channel", "telegram")


def half_a_record(world: DoctorRoot) -> None:
    world.state.mkdir()
    (world.state / "runmode.json").write_text("{")


def allowed_by_the_process(world: DoctorRoot) -> None:
    world.add("default", ".env", "DISCORD_ALLOWED_USERS=2\n")
    world.add("work", ".env", "DISCORD_BOT_TOKEN=CANARY-discord\nDISCORD_ALLOWED_USERS=1\n")
    world.add("work", ".env", "GATEWAY_ALLOW_ALL_USERS=false\n")


def group_of_a_member(world: DoctorRoot) -> None:
    world.add("default", ".env", "GATEWAY_ALLOWED_USERS=boss\n")
    weixin(world)
    extra = "dm_policy: pairing, group_policy: allowlist, group_allow_from: [g]"
    world.add("work", "config.yaml", f"platforms:\n  weixin: {{enabled: true, extra: {{{extra}}}}}\n")


def mail_of_default(world: DoctorRoot) -> None:
    mail = "EMAIL_PASSWORD=CANARYpassword\nEMAIL_IMAP_HOST=i\nEMAIL_SMTP_HOST=s\n"
    world.add("default", ".env", f"EMAIL_ADDRESS=a@b.c\n{mail}")
    world.add("work", ".env", f"EMAIL_ADDRESS=x@y.z\n{mail}")


def relay_of_a_member(world: DoctorRoot) -> None:
    newest(world)
    world.add("work", "config.yaml", "platforms:\n  relay: {enabled: true}\n")


def names_of_others(world: DoctorRoot) -> None:
    accounts(world)
    (world.user / "names.txt").write_text("z9@im.bot zoe\n")


def value_in_the_way(world: DoctorRoot) -> None:
    healthy(world)
    world.add("ann", "config.yaml", "gateway: {relay_id: CANARY-relay}\n")
    world.add("default", "config.yaml", "gateway: all\n")


def claw(world: DoctorRoot) -> None:
    """Create an installation of OpenClaw whose configuration includes another file."""
    healthy(world)
    found = OpenClaw(world.user / ".openclaw")
    found.add("zoe")
    found.put("openclaw.json", {"$include": "channels.json5"})


def scanned_again(world: DoctorRoot) -> None:
    claw(world)
    world.runner.ok("team", "import", "openclaw", str(world.user / ".openclaw"), "--team", "crew")
    shutil.rmtree(world.user / ".openclaw")
    OpenClaw(world.user / ".openclaw").add("zed", user="o9zoe@im.wechat", saved="2026-09-01T00:00:00.000Z")
