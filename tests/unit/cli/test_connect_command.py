"""The command connect: what it refuses before anything is written, what it writes as one change, what it prints."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_api import BotApi
from command_root import TOKEN, CommandRoot
from command_runner import assert_no_canary

from hermes_profiles.accounts import platform_identity
from hermes_profiles.cli.commands.profile import connect as connect_module
from hermes_profiles.model.errors import Refused

OTHER = "7100000002:CANARYtelegramCANARYtelegramCANARY2"
SLACK = "SLACK_BOT_TOKEN=xoxb-CANARY-slack-000000000001\nSLACK_APP_TOKEN=xapp-1-CANARY-slack-app-000001\n"


@pytest.fixture
def kid(world: CommandRoot) -> CommandRoot:
    """A default profile with bots, and `kid`, whose telegram is off as in a clone."""
    world.make("kid", {"config.yaml": "platforms:\n  telegram:\n    enabled: false\n", ".env": "A=1\n"})
    return world


@pytest.fixture
def bot_api(kid: CommandRoot) -> Iterator[BotApi]:
    """A Bot API that kid's config.yaml names."""
    with BotApi() as api:
        (kid.home("kid") / "config.yaml").write_text(
            f"platforms:\n  telegram:\n    enabled: false\n    extra: {{base_url: '{api.url}/kid/bot'}}\n"
        )
        yield api


class Platform:
    """A platform that answers each request with `status` and `answer`; `asked`: paths with their authorization."""

    def __init__(self) -> None:
        self.status, self.answer, self.headers = 200, b"{}", {"Content-Type": "application/json"}
        self.asked: list[tuple[str, str | None]] = []


@pytest.fixture
def platform() -> Iterator[tuple[Platform, str]]:
    found = Platform()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.answer)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_account_allow_list_and_switch_are_one_change(kid: CommandRoot, bot_api: BotApi) -> None:
    before = kid.picture(kid.home("kid"))
    dry = kid.unchanged_by("connect", "kid", "telegram", "--allow", "1,2", "--dry-run", "--json", typed=OTHER).data
    assert dry["name"] == "@standin_bot" and dry["checked"] and dry["gateway"] is None
    done = kid.ok("connect", "kid", "telegram", "--allow", "1,2", "--json", typed=OTHER + "\n")
    assert done.data["account"] == "7100000002" and done.data["variables"] == [
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_ALLOWED_USERS",
    ]
    env, config = ((kid.home("kid") / name).read_text() for name in (".env", "config.yaml"))
    assert f"TELEGRAM_BOT_TOKEN={OTHER}\nTELEGRAM_ALLOWED_USERS=1,2\n" in env and "enabled: true" in config
    assert_no_canary(done.stdout + done.stderr, "the answer")
    again = kid.ok("connect", "kid", "telegram", "--allow", "1,2", "--json", typed=OTHER).data
    assert again["changed"] is False
    kid.ok("undo")
    assert kid.picture(kid.home("kid")) == before


@pytest.mark.parametrize("switch", ["enabled", "disabled"])
def test_account_of_another_profile_is_refused_on_or_off(kid: CommandRoot, switch: str) -> None:
    if switch == "disabled":
        kid.ok("config", "set", "default", "platforms.telegram.enabled", "false")
    done = kid.unchanged_by("connect", "kid", "telegram", "--offline", "--json", typed=TOKEN, code=6)
    assert done.problem["code"] == "account-taken" and "default" in done.problem["message"]
    assert_no_canary(done.stdout + done.stderr, "the answer")


@pytest.mark.parametrize(
    ("typed", "code", "message"),
    [
        ("xoxb-CANARY-slack-000000000001", "bad-token", "looks like a SLACK_BOT_TOKEN"),
        ("7100000002:CANARY telegram CANARY telegram CANARY2", "bad-token", "there is a blank in it"),
        ("7100000002:CANARY", "bad-token", "17 characters"),
        ("", "no-value", "no value for telegram came"),
        ("SLACK_BOT_TOKEN=xoxb-CANARY", "bad-account", "SLACK_BOT_TOKEN is not a variable of telegram"),
        ("one\ntwo CANARY\n", "bad-account", "line 1 of standard input"),
    ],
)
def test_value_that_is_no_account_is_refused(kid: CommandRoot, typed: str, code: str, message: str) -> None:
    done = kid.unchanged_by("connect", "kid", "telegram", "--json", typed=typed, code=2)
    assert done.problem["code"] == code and message in done.problem["message"]
    assert_no_canary(done.stdout + done.stderr, "the answer")


def test_incomplete_account_names_what_is_missing(kid: CommandRoot) -> None:
    done = kid.unchanged_by("connect", "kid", "slack", "--json", typed=SLACK.splitlines()[0], code=2)
    assert "SLACK_APP_TOKEN" in done.problem["message"]
    done = kid.unchanged_by("connect", "kid", "weixin", "--json", typed="WEIXIN_TOKEN=CANARY\n", code=2)
    assert "WEIXIN_ACCOUNT_ID" in done.problem["message"]


@pytest.mark.parametrize(
    ("channel", "code", "hint"),
    [
        ("telegramm", 2, "use `hermes-profiles connect kid telegram`"),
        ("whatsapp", 6, "hermes -p kid whatsapp"),
        ("api_server", 0, ""),
    ],
)
def test_other_channels_say_how(kid: CommandRoot, channel: str, code: int, hint: str) -> None:
    done = kid.call("connect", "kid", channel, "--json", "--dry-run", typed="API_SERVER_KEY=CANARY0123456789abcd\n")
    assert done.code == code or channel == "api_server"
    assert hint in (done.problem["hint"] if done.code else "")


def test_slack_is_asked_with_its_token(kid: CommandRoot, platform: tuple[Platform, str]) -> None:
    slack, address = platform
    slack.answer = b'{"ok": true, "user": "kid", "team": "Family", "bot_id": "B1"}'
    done = kid.ok("connect", "kid", "slack", "--api", address, "--json", typed=SLACK)
    assert slack.asked == [("/auth.test", "Bearer xoxb-CANARY-slack-000000000001")]
    assert done.data["name"] == "kid of Family" and done.data["checked"]
    slack.answer = b'{"ok": false, "error": "invalid_auth"}'
    refused = kid.call("connect", "kid", "slack", "--api", address, "--json", typed=SLACK.replace("0001\n", "0002\n"))
    assert refused.code == 2 and refused.problem["code"] == "token-refused"


def test_refused_token_is_not_written(kid: CommandRoot, platform: tuple[Platform, str]) -> None:
    telegram, address = platform
    telegram.status, telegram.answer = 401, b'{"ok": false}'
    done = kid.unchanged_by("connect", "kid", "telegram", "--api", f"{address}/bot", "--json", typed=OTHER, code=2)
    assert done.problem["code"] == "token-refused" and "HTTP 401" in done.problem["message"]
    assert "`hermes-profiles catalog telegram`" in done.problem["hint"]
    assert_no_canary(done.stdout + done.stderr, "the answer")


@pytest.mark.parametrize("status", [500, 302])
def test_platform_without_an_answer_stops_unless_offline(
    kid: CommandRoot, platform: tuple[Platform, str], status: int
) -> None:
    telegram, address = platform
    telegram.status, telegram.headers = status, {"Location": f"{address}/elsewhere"}
    words = ("connect", "kid", "telegram", "--api", f"{address}/bot", "--json")
    done = kid.unchanged_by(*words, typed=OTHER, code=1)
    assert done.problem["code"] == "not-reached" and "--offline" in done.problem["hint"]
    assert all("elsewhere" not in path for path, _ in telegram.asked), "a token goes to no other host"
    assert kid.ok(*words, "--offline", typed=OTHER).data["checked"] is False
    assert_no_canary(done.stdout + done.stderr, "the answer")


@pytest.mark.parametrize("address", ["127.0.0.1:1/bot", "http:///bot", "http://127.0.0.1:x/bot", "http://127.0.0.1:1"])
def test_broken_address_is_refused_without_the_token(kid: CommandRoot, address: str) -> None:
    done = kid.unchanged_by("connect", "kid", "telegram", "--api", address, "--json", typed=OTHER, code=2)
    assert "address of the API of telegram is not valid" in done.problem["message"]
    assert "http://HOST:PORT/bot" in done.problem["hint"] and OTHER not in done.stdout


def test_address_without_an_answer_shows_no_token(kid: CommandRoot) -> None:
    closed = kid.unchanged_by("connect", "kid", "telegram", "--api", "http://127.0.0.1:1/bot", typed=OTHER, code=1)
    assert_no_canary(closed.stdout + closed.stderr, "the answer")


def test_former_account_is_replaced(kid: CommandRoot) -> None:
    kid.ok("connect", "kid", "telegram", "--offline", "--allow", "7", typed=OTHER)
    third = OTHER.replace("0002:", "0003:")
    kid.ok("connect", "kid", "telegram", "--offline", typed=third)
    env = (kid.home("kid") / ".env").read_text()
    assert third in env and OTHER not in env and "TELEGRAM_ALLOWED_USERS=7" in env


def test_users_who_may_talk_are_asked_for_or_named(kid: CommandRoot) -> None:
    done = kid.ok("connect", "kid", "telegram", "--offline", "--json", typed=OTHER)
    (warning,) = done.json["warnings"]
    assert warning["code"] == "no-allow-list" and "env set kid TELEGRAM_ALLOWED_USERS" in warning["hint"]


def test_clone_names_connect_as_the_next_step(kid: CommandRoot) -> None:
    steps = kid.ok("clone", "default", "second", "--no-alias", "--json").data["next_steps"]
    assert "connect telegram with an account of its own: hermes-profiles connect second telegram" in steps


@pytest.mark.parametrize(
    ("channel", "values", "answer", "name", "path"),
    [
        ("discord", {"DISCORD_BOT_TOKEN": "t"}, {"id": "1", "username": "kid"}, "kid", "/users/@me"),
        (
            "matrix",
            {"MATRIX_ACCESS_TOKEN": "t", "MATRIX_HOMESERVER": "API"},
            {"user_id": "@kid:example.org"},
            "@kid:example.org",
            "/_matrix/client/v3/account/whoami",
        ),
        (
            "mattermost",
            {"MATTERMOST_TOKEN": "t", "MATTERMOST_URL": "API"},
            {"id": "u", "username": "kid"},
            "kid",
            "/api/v4/users/me",
        ),
    ],
)
def test_each_platform_names_its_account(
    platform: tuple[Platform, str], channel: str, values: dict[str, str], answer: object, name: str, path: str
) -> None:
    found, address = platform
    found.answer = json.dumps(answer).encode()
    given = {key: value.replace("API", address) for key, value in values.items()}
    assert platform_identity.can_identify(channel, given)
    assert platform_identity.identify(channel, given, api=address).name == name
    assert found.asked[0][0] == path


def test_unknown_platform_cannot_be_asked(tmp_path: Path) -> None:
    assert not platform_identity.can_identify("irc", {"IRC_SERVER": "x"})
    assert not platform_identity.can_identify("telegram", {})


# -- env set: the way without checks says what connect would have said


def _warned(kid: CommandRoot, name: str, value: str) -> dict[str, tuple[str, str]]:
    """Set a variable of kid and return code → (message, hint) of the warnings."""
    done = kid.ok("env", "set", "kid", name, "--json", typed=value)
    assert_no_canary(done.stdout + done.stderr, "the answer")
    return {each["code"]: (each["message"], each["hint"]) for each in done.json["warnings"]}


def test_env_set_says_that_the_channel_stays_off_until_the_hint_is_followed(kid: CommandRoot) -> None:
    message, hint = _warned(kid, "TELEGRAM_BOT_TOKEN", OTHER)["channel-off"]
    assert message == "telegram stays off in kid: platforms.telegram.enabled of config.yaml is false"
    kid.ok(*hint.split("`")[1].split()[1:])
    assert "telegram" in kid.listed("kid")["channels"]
    assert _warned(kid, "TELEGRAM_BOT_TOKEN", OTHER.replace("0002:", "0004:")) == {}


@pytest.mark.parametrize("switch", ["enabled", "disabled"])
def test_env_set_warns_of_an_account_of_another_profile_on_or_off(kid: CommandRoot, switch: str) -> None:
    if switch == "disabled":
        kid.ok("config", "set", "default", "platforms.telegram.enabled", "false")
    found = _warned(kid, "TELEGRAM_BOT_TOKEN", TOKEN)
    assert "default has the same telegram account" in found["shared-identity"][0]
    for code in ("shared-identity", "channel-off"):
        assert "`hermes-profiles connect kid telegram`" in found[code][1]
    assert "shared-identity" not in _warned(kid, "TELEGRAM_ALLOWED_USERS", "7"), "it says nothing about the token"


def test_env_set_warns_of_a_value_without_the_form_of_a_token(kid: CommandRoot) -> None:
    message, hint = _warned(kid, "TELEGRAM_BOT_TOKEN", "xoxb-CANARY-slack-000000000001")["bad-token"]
    assert "looks like a SLACK_BOT_TOKEN" in message and "`hermes-profiles env set kid TELEGRAM_BOT_TOKEN`" in hint
    assert "bad-token" not in _warned(kid, "OPENAI_API_KEY", "anything CANARY")
    kid.ok("env", "set", "kid", "TELEGRAM_BOT_TOKEN", "--empty")


def test_env_set_names_the_variable_that_a_channel_still_needs(kid: CommandRoot) -> None:
    message, hint = _warned(kid, "SLACK_APP_TOKEN", "xapp-1-CANARY-slack-app-000001")["channel-off"]
    assert "it needs SLACK_BOT_TOKEN too" in message and "`hermes-profiles env set kid SLACK_BOT_TOKEN`" in hint
    assert _warned(kid, "SLACK_BOT_TOKEN", "xoxb-CANARY-slack-000000000001") == {}
    assert "slack" in kid.listed("kid")["channels"]


# -- clone --connect


def _clone(kid: CommandRoot, *more: str, **how: Any) -> Any:
    return kid.call("clone", "default", "second", "--connect", "telegram", "--json", *more, **how)


def test_clone_is_connected_and_both_changes_are_undone(kid: CommandRoot, platform: tuple[Platform, str]) -> None:
    telegram, address = platform
    telegram.answer = b'{"ok": true, "result": {"id": 7100000002, "username": "kid_bot"}}'
    before = kid.picture(kid.root)
    words = ("clone", "default", "second", "--connect", "telegram", "--api", f"{address}/bot", "--allow", "7")
    dry = kid.unchanged_by(*words, "--dry-run", "--json", typed=OTHER).data
    assert dry["connect"]["name"] == "@kid_bot" and dry["dry_run"] and dry["connect"]["dry_run"]
    done = kid.ok(*words, typed=OTHER)
    assert_no_canary(done.stdout + done.stderr, "the answer")
    assert "second: made from default" in done.stdout and "second has @kid_bot on telegram" in done.stdout
    assert "hermes-profiles connect second telegram" not in done.stdout, "that step is done"
    assert "hermes-profiles connect second slack" in done.stdout
    env, config = ((kid.home("second") / name).read_text() for name in (".env", "config.yaml"))
    assert OTHER in env and "TELEGRAM_ALLOWED_USERS=7" in env and f"base_url: {address}/bot" in config
    assert len(telegram.asked) == 2, "once for each command"
    whole, _ = re.findall(r"`hermes-profiles (undo \S+)`", done.stdout)
    kid.ok(*whole.split())
    assert not kid.home("second").exists()
    assert {path for path in before if "profiles" not in path} == {
        path for path in kid.picture(kid.root) if "profiles" not in path
    }
    _, alone = re.findall(r"`hermes-profiles (undo \S+)`", kid.ok(*words, typed=OTHER).stdout)
    kid.ok(*alone.split())
    assert OTHER not in (kid.home("second") / ".env").read_text()


@pytest.mark.parametrize(
    ("typed", "more", "code", "problem"),
    [
        (TOKEN, ("--offline",), 6, "account-taken"),
        ("7100000002:CANARY", ("--offline",), 2, "bad-token"),
        ("", ("--offline",), 2, "no-value"),
        (OTHER, ("--api", "http://127.0.0.1:1/bot"), 1, "not-reached"),
    ],
)
def test_account_that_fails_a_check_makes_no_clone(
    kid: CommandRoot, typed: str, more: tuple[str, ...], code: int, problem: str
) -> None:
    words = ("clone", "default", "second", "--connect", "telegram", "--json", *more)
    done = kid.unchanged_by(*words, typed=typed, code=code)
    assert done.problem["code"] == problem
    assert_no_canary(done.stdout + done.stderr, "the answer")


def test_clone_to_be_connected_is_refused_before_a_token_is_read(kid: CommandRoot) -> None:
    assert (
        kid.unchanged_by("clone", "default", "kid", "--connect", "telegram", "--json", code=6).problem["code"]
        == "exists"
    )
    assert kid.unchanged_by("clone", "nobody", "second", "--connect", "telegram", "--json", code=5)
    done = kid.unchanged_by("clone", "default", "second", "--connect", "whatsapp", "--json", code=6)
    assert done.problem["code"] == "set-up-by-hermes"
    done = kid.unchanged_by("clone", "default", "second", "--allow", "7", "--json", code=2)
    assert "--connect" in done.problem["hint"]


def test_clone_stays_where_its_account_cannot_be_written(kid: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.operations.accounts import clone_connect

    def taken(*_: object, **__: object) -> None:
        raise Refused("the account is taken now", code="account-taken")

    monkeypatch.setattr(clone_connect, "store_account", taken)
    done = _clone(kid, "--offline", typed=OTHER)
    assert done.code == 1 and done.problem["code"] == "account-taken"
    assert "second was made" in done.problem["message"] and "connect second telegram" in done.problem["hint"]
    assert kid.home("second").is_dir()


def test_clone_starts_its_gateway_under_the_chosen_manager(kid: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(connect_module, "start_stored", lambda fleet, *_, **__: seen.append(fleet.manager_option))
    words = ("clone", "default", "eve", "--connect", "telegram", "--offline", "--manager", "supervisor")
    kid.ok(*words, typed=OTHER)
    assert seen == ["supervisor"]
    refused = kid.call("clone", "default", "una", "--manager", "supervisor", "--json")
    assert refused.code == 2 and refused.problem["target"] == "--manager"
