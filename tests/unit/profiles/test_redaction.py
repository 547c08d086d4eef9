"""The log of a gateway is shown without its secrets, in any spelling and from any file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from command_runner import CANARY

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.fleet.backend import ServiceBackend, last_log_lines
from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.outcomes import OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.gateways.observe import SystemContext, observe_one, survey
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.redact import Redactor, redacted, secrets_of
from hermes_profiles.services.manager import Activity, ManagerKind, Service, ServiceStatus

CATALOG = load_catalog()
SECRET = f"{CANARY}-4711/x+y=z"


@pytest.fixture
def home(isolated: Path) -> Path:
    home = isolated / ".hermes" / "profiles" / "work"
    (home / "logs").mkdir(parents=True)
    return home


def shown(home: Path, *lines: str) -> str:
    return "\n".join(redacted(lines, secrets_of(home, CATALOG)))


@pytest.mark.parametrize("content", [
    f"TELEGRAM_BOT_TOKEN={SECRET}\n",
    f"export TELEGRAM_BOT_TOKEN='{SECRET}' # mine\n",
    f"TELEGRAM_BOT_TOKEN={SECRET}\r\nOTHER=1\r\n",
    f"PRICE=5$\nNOTE=#1\nTELEGRAM_BOT_TOKEN={SECRET}\n",
    f"this is no assignment\nTELEGRAM_BOT_TOKEN={SECRET}\n",
    f"OPEN='never closed\nTELEGRAM_BOT_TOKEN={SECRET}\n",
    f"SOME_API_KEY={SECRET}\n", f"SOME_SECRET={SECRET}\n", f"SOME_PASSWORD={SECRET}\n", f"EMAIL_PASS={SECRET}\n",
    f"db_password={SECRET}\n",
    f"BASE={SECRET}\nTELEGRAM_BOT_TOKEN=${{BASE}}\n",
    f"DATABASE_URL=postgres://user:{quote(SECRET, safe='')}@127.0.0.1/db\n",
])  # fmt: skip
@pytest.mark.parametrize("file", [".env", ".op.env"])
def test_no_value_of_the_environment_files_is_shown(home: Path, file: str, content: str) -> None:
    (home / file).write_bytes(content.encode())
    assert CANARY not in shown(home, f"could not log in with {SECRET}", f"https://api/bot{SECRET}/getMe")


@pytest.mark.parametrize("config", [
    {"platforms": {"weixin": {"enabled": True, "token": SECRET}}},
    {"gateway": {"platforms": {"telegram": {"extra": {"bot_token": SECRET}}}}},
    {"providers": {"openai": {"api_key": SECRET}}},
    {"mcp_servers": {"x": {"env": {"SOME_API_KEY": SECRET}, "headers": {"Authorization": f"Bearer {SECRET}"}}}},
    {"list": [{"password": SECRET}]}, {"tokens": {"slack": SECRET}}, {"tokens": [SECRET]},
])  # fmt: skip
def test_no_secret_of_the_configuration_is_shown(home: Path, config: dict[str, Any]) -> None:
    (home / "config.yaml").write_text(json.dumps(config))
    assert CANARY not in shown(home, f"could not log in with {SECRET}")


def test_secret_that_only_a_parser_finds_is_not_shown(home: Path) -> None:
    (home / "config.yaml").write_text(f"a: &t {json.dumps(SECRET)}\nplatforms:\n  weixin:\n    token: *t\n")
    assert CANARY not in shown(home, f"with {SECRET}")


def test_no_secret_of_a_stored_login_is_shown(home: Path) -> None:
    (home / "auth.json").write_text(json.dumps({"providers": {"nous": {"access_token": SECRET}}}))
    assert CANARY not in shown(home, f"refused: {SECRET}")


@pytest.mark.parametrize("spelled", [
    SECRET, quote(SECRET, safe=""), quote(SECRET), json.dumps(f"é{SECRET}"), SECRET.replace("/", "\\/"),
    base64.b64encode(SECRET.encode()).decode(), f"x{SECRET}y", SECRET * 2,
])  # fmt: skip
def test_no_spelling_of_a_value_is_shown(home: Path, spelled: str) -> None:
    (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={SECRET}\n")
    found = shown(home, f"before {spelled} after")
    assert CANARY not in found and base64.b64encode(SECRET.encode()).decode()[:12] not in found
    assert found.startswith("before ") and found.endswith(" after")


def test_token_without_the_id_of_its_bot_is_not_shown(home: Path) -> None:
    (home / ".env").write_text("TELEGRAM_BOT_TOKEN=8812345678:AAF-CANARYTelegramTokenAbCdEfGh123x\n")
    text = shown(home, "the bot 8812345678 has AAF-CANARYTelegramTokenAbCdEfGh123x")
    assert text == "the bot 8812345678 has <TELEGRAM_BOT_TOKEN>"


def test_line_with_an_inseparable_spelling_is_removed(home: Path) -> None:
    (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={SECRET}\n")
    encoded = "".join(f"%{byte:02x}" for byte in SECRET.encode())
    assert shown(home, f"GET /bot{encoded}/getMe", "fine") == "<TELEGRAM_BOT_TOKEN>\nfine"


def test_multiline_value_is_hidden_in_every_line(home: Path) -> None:
    (home / ".env").write_text(f'SOME_PRIVATE_KEY="-----BEGIN\n{SECRET}\n{SECRET[::-1]}\n-----END"\n')
    found = shown(home, f"key: {SECRET}", SECRET[::-1])
    assert CANARY not in found and CANARY[::-1] not in found


WRAPPED = "8812345678:AAF-CANARY_wrapped_TokenAbCdE1"
BREAKS = (
    "\n",
    "\\\n",
    "\\\n    ",
    "\r\n\t",
    " \\\n  ",
    "'\n  '",
    '" +\n  "',
    "^\n",
    "`\n",
    "=\n",
    " │\n│ ",
    "\n> ",
)


@pytest.mark.parametrize("at", [4, 13, 30, 36])
@pytest.mark.parametrize("between", BREAKS)
def test_value_that_goes_on_in_the_next_line_is_hidden(between: str, at: int) -> None:
    redactor = Redactor({WRAPPED: "TELEGRAM_BOT_TOKEN"})
    text = f"first\ncurl -d {WRAPPED[:at]}{between}{WRAPPED[at:]} -v\nlast"
    assert redactor.redact(text) == "first\ncurl -d <TELEGRAM_BOT_TOKEN> -v\nlast"
    assert redactor.redact_all(["a"] * 20 + [text])[-1] == redactor.redact(text)


@pytest.mark.parametrize("others", [0, 20])
def test_value_that_is_split_over_two_records_is_hidden_in_both(others: int) -> None:
    redactor = Redactor({WRAPPED: "TELEGRAM_BOT_TOKEN"})
    texts = ["a line"] * others + [f"uses {WRAPPED[:17]}", f"{WRAPPED[17:]} of telegram", "the end"]
    expected = ["a line"] * others + ["uses <TELEGRAM_BOT_TOKEN>", "<TELEGRAM_BOT_TOKEN> of telegram", "the end"]
    assert redactor.redact_all(texts) == expected
    assert redacted(texts, {WRAPPED: "TELEGRAM_BOT_TOKEN"}) == tuple(expected)


def test_name_replaces_the_value(home: Path) -> None:
    (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={SECRET}\n")
    assert shown(home, f"the token {SECRET} is bad") == "the token <TELEGRAM_BOT_TOKEN> is bad"


def test_longest_value_is_replaced_first(home: Path) -> None:
    (home / ".env").write_text(f"SHORT_TOKEN={SECRET}\nLONG_TOKEN={SECRET}-and-more\n")
    assert shown(home, f"{SECRET}-and-more") == "<LONG_TOKEN>"


@pytest.mark.parametrize("line", [
    "7100000:AAF" + "x" * 30, "xoxb-1234567890-abc", "xapp-1-A0-123-abcdef", "sk-proj-abcdefghijkl",
    "Bearer abcdefghijkl",
])  # fmt: skip
def test_text_that_looks_like_a_secret_is_hidden(line: str) -> None:
    (found,) = redacted((f"said {line} to it",), {})
    assert "<secret>" in found and line.removeprefix("Bearer ") not in found and found.startswith("said ")


@pytest.mark.parametrize("line", [
    "2026-11-21 10:00:00 ERROR [Telegram] token already in use (PID 31335)", "port 8642 in use", "true", "",
    "Traceback (most recent call last):", "agent:main:telegram", "bearer of bad news",
])  # fmt: skip
def test_ordinary_text_stays(home: Path, line: str) -> None:
    (home / ".env").write_text("API_SERVER_PORT=8642\nAPI_SERVER_ENABLED=true\nSHORT_KEY=in use\nX_TOKEN=\n")
    assert shown(home, line) == line


@pytest.mark.parametrize("what", ["nothing", "folder", "not text", "broken"])
def test_unreadable_files_are_skipped(home: Path, what: str) -> None:
    if what == "folder":
        (home / ".env").mkdir()
        (home / "config.yaml").mkdir()
    elif what != "nothing":
        (home / ".env").write_bytes(b"\xff\xfe\x00" if what == "not text" else b"A='\n\x00=")
        (home / "config.yaml").write_bytes(b"\xff\xfe\x00" if what == "not text" else b"a: [b: {c")
        (home / "auth.json").write_bytes(b"{")
    assert shown(home, "a line") == "a line"


def test_a_broken_configuration_still_hides_what_can_be_recognised(home: Path) -> None:
    (home / "config.yaml").write_text(f"a: [b: {{c\nplatforms:\n  weixin:\n    token: '{SECRET}'\n")
    assert CANARY not in shown(home, f"with {SECRET}")


# -- all the way to an outcome


class Lame:
    """A manager whose services fail immediately, and that caught their output."""

    kind = ManagerKind.SUPERVISOR

    def __init__(self, caught: tuple[str, ...] = ()) -> None:
        self.caught = caught
        self.started = False

    def service(self, name: Any, profile: str) -> Service:
        return Service(profile, name, Path("/nowhere"))

    def folders(self) -> tuple[Path, ...]:
        return ()

    def query(self, services: Any) -> dict[str, ServiceStatus]:
        activity = Activity.FAILED if self.started else Activity.INACTIVE
        return {each.profile: ServiceStatus(True, True, activity, last_exit=78) for each in services}

    def start(self, services: Any) -> dict[str, str]:
        self.started = True
        return {}

    def journal_tail(self, service: Service, lines: int = 8) -> list[str]:
        return list(self.caught[-lines:])


def start(home: Path, manager: Lame) -> Any:
    layout = Layout(home.parent.parent, home.parent.parent.parent)
    world = SystemContext(layout, manager)  # type: ignore[arg-type]
    hands = ServiceBackend(world, manager, lambda names: dict.fromkeys(names, StartDecision()), CATALOG)  # type: ignore[arg-type]
    (found,) = FleetExecutor(Verb.START, hands, RunOptions()).run(("work",), survey(world, ("work",)))
    return found


@pytest.mark.parametrize("caught", [True, False])
def test_an_outcome_shows_log_lines_without_secrets(home: Path, caught: bool) -> None:
    (home / ".env").write_text(f"WEIXIN_TOKEN={SECRET}\n")
    lines = [f"line {number}: {SECRET}" for number in range(20)]
    if not caught:
        (home / "logs" / "errors.log").write_text("\n".join(lines) + "\n")
    found = start(home, Lame(tuple(lines) if caught else ()))
    assert found.outcome is OutcomeKind.FAILED
    assert found.log == tuple(f"line {number}: <WEIXIN_TOKEN>" for number in range(14, 20))
    assert CANARY not in repr(found)


def test_the_reason_a_gateway_wrote_is_shown_without_secrets(home: Path) -> None:
    """Telegram's library reports `The token ... was rejected by the server`, with the token in it."""
    (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={SECRET}\n")
    (home / "gateway_state.json").write_text(json.dumps({
        "pid": 7, "gateway_state": "startup_failed", "exit_reason": f"the token `{SECRET}` was rejected",
        "platforms": {"telegram": {"state": "fatal", "error_message": f"the token `{SECRET}` was rejected"}},
    }))  # fmt: skip
    found = start(home, Lame())
    assert "the token `<TELEGRAM_BOT_TOKEN>` was rejected" in found.detail
    layout = Layout(home.parent.parent, home.parent.parent.parent)
    assert CANARY not in repr(observe_one(SystemContext(layout), "work"))


def test_a_line_that_was_cut_is_not_shown(home: Path) -> None:
    """Half a token cannot be recognised."""
    layout = Layout(home.parent.parent, home.parent.parent.parent)
    path = home / "logs" / "errors.log"
    for length in range(16 * 1024 - 60, 16 * 1024 + 60):
        path.write_text(f"{SECRET}" + "x" * (length - len(SECRET)) + "\nlast\n")
        (home / ".env").write_text(f"WEIXIN_TOKEN={SECRET}\n")
        found = redacted(last_log_lines(SystemContext(layout), "work"), secrets_of(home, CATALOG))
        assert found[-1] == "last" and all(line.startswith("<WEIXIN_TOKEN>") for line in found[:-1])


@pytest.mark.parametrize(("files", "expected"), [
    ({}, ()), ({"gateway.log": "a\nb\n"}, ("a", "b")), ({"gateway.log": "a\n", "errors.log": "e\n"}, ("e",)),
    ({"gateway.log": "a\n", "errors.log": ""}, ("a",)), ({"gateway.error.log": "s\n", "gateway.log": "a\n"}, ("s",)),
    ({"gateway.log": "x\xff".encode("latin-1")}, ("x\ufffd",)),
])  # fmt: skip
def test_error_log_is_preferred(home: Path, files: dict[str, Any], expected: tuple[str, ...]) -> None:
    for name, content in files.items():
        (home / "logs" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert last_log_lines(SystemContext(Layout(home.parent.parent, home)), "work") == expected
