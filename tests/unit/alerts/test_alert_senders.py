"""What is sent, by webhook, program, Apprise and `hermes send`: the text, its errors, no secret anywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from alert_receiver import AlertReceiver

from hermes_profiles.alerts import senders
from hermes_profiles.alerts.addresses import fault_of, has_secret, is_plain_http, shown_address, without_address
from hermes_profiles.alerts.model import PROFILE_GONE, AlertItem, Destination, DestinationKind
from hermes_profiles.alerts.send_once import outgoing
from hermes_profiles.alerts.senders import OutgoingText, send
from hermes_profiles.alerts.text import AlertText
from hermes_profiles.events.model import FAULTS
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.secret import Secret

WORDING = AlertText("box", "/srv/hermes", needs_home=False, now=1_800_000_720.0)
FALL = AlertItem("work", "telegram", "", "token-refused", 1_800_000_000.0, "401 for CANARY-token")
RISE = AlertItem("home", None, "", "recovered", 1_800_000_000.0, until=1_800_000_300.0)
WEBHOOK, EXEC, APPRISE, HERMES = (
    DestinationKind.WEBHOOK, DestinationKind.EXEC, DestinationKind.APPRISE, DestinationKind.HERMES,
)  # fmt: skip


def _redact(text: str) -> str:
    return text.replace("CANARY-token", "<TELEGRAM_BOT_TOKEN>")


def _text(*items: AlertItem) -> OutgoingText:
    return outgoing("id-1", items, WORDING, _redact)


def test_text_says_what_since_when_why_and_the_command() -> None:
    text = _text(FALL)
    assert text.title == "box: work: telegram has a token that the platform refuses"
    assert text.body == (
        "work: telegram has a token that the platform refuses since 2027-01-15 08:00 UTC (12 min): "
        "401 for <TELEGRAM_BOT_TOKEN>\n  run: hermes-profiles connect work telegram"
    )
    assert (text.kind, text.profiles) == ("alert", ("work",)) and "CANARY" not in json.dumps(text.data)
    over = _text(RISE)
    assert over.body == "home works again, after 5 min (2027-01-15 08:00 UTC to 2027-01-15 08:05 UTC)"
    assert over.kind == "recovery" and over.data["items"][0]["command"] is None
    assert _text(RISE._replace(channel=None, fault="conflict")).title == "box: home: conflict is over"
    assert _text(RISE._replace(reason=PROFILE_GONE)).title == "box: home: its profile is gone"
    both = _text(FALL, RISE)
    assert both.title == "box: 1 new fault and 1 over (work)" and both.kind == "digest"
    assert len(_text(*[FALL] * 30).body.splitlines()) == 42 and "and 10 more" in _text(*[FALL] * 30).body


def test_each_fault_has_words_and_a_command_that_names_the_root() -> None:
    wording = AlertText("box", "/srv/my hermes", needs_home=True, now=1_800_000_720.0)
    for kind in FAULTS:
        for item in (FALL._replace(kind=str(kind)), FALL._replace(kind=str(kind), profile=None, channel=None)):
            title, command = wording.title([item]), wording.command(item)
            assert "-" not in title and "{" not in command and "  " not in command
            assert command.startswith(("hermes-", "df -h ")) and "'/srv/my hermes'" in command


def test_webhook_gets_json_with_an_id_that_stays(receiver: AlertReceiver) -> None:
    destination = Destination("hook", WEBHOOK, Secret(receiver.url.replace("//", "//me:CANARY%2Fpass@") + "/CANARY-x"))
    send(destination, _text(FALL, RISE), {}, root="/srv")
    ((path, headers, body),) = receiver.got
    assert path == "/CANARY-x" and headers["Idempotency-Key"] == "id-1"
    assert headers["Authorization"] == "Basic bWU6Q0FOQVJZL3Bhc3M=" and "CANARY" not in body.decode()
    data = json.loads(body)
    assert data["text"].startswith("box: 1 new fault") and [each["profile"] for each in data["items"]] == [
        "work",
        "home",
    ]


@pytest.mark.parametrize(("mode", "error"), [
    ("refuse", "hook: HTTP status 503"), ("hang", "hook: no answer in time"), ("gone", "hook: connection refused"),
])  # fmt: skip
def test_webhook_that_fails_says_why_without_its_address(
    receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch, mode: str, error: str
) -> None:
    monkeypatch.setitem(senders.LIMITS, WEBHOOK, 0.2)
    receiver.mode = mode
    url = "http://127.0.0.1:9" if mode == "gone" else receiver.url
    with pytest.raises(Failed) as raised:
        send(Destination("hook", WEBHOOK, Secret(f"{url}/CANARY-x")), _text(FALL), {}, root="/srv")
    assert str(raised.value) == error
    receiver.mode = "answer"
    send(Destination("hook", WEBHOOK, Secret(f"{receiver.url}/CANARY-x")), _text(FALL), {}, root="/srv")
    assert len(receiver.got) == 1


def test_sender_that_blocks_is_left_behind(monkeypatch: pytest.MonkeyPatch, receiver: AlertReceiver) -> None:
    monkeypatch.setitem(senders.LIMITS, WEBHOOK, -0.95)
    monkeypatch.setitem(senders._SENDERS, WEBHOOK, lambda *_: receiver.released.wait(20))  # type: ignore[index]
    with pytest.raises(Failed, match=r"^hook: no answer within"):
        send(Destination("hook", WEBHOOK, Secret("https://example.org")), _text(FALL), {}, root="/srv")


def test_program_gets_the_text_on_standard_input_and_in_variables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = f"sh -c 'cat > {out}; env | grep ^HERMES_ >> {out}'"
    environment = {"PATH": os.environ["PATH"]}
    send(Destination("page", EXEC, Secret(command)), _text(FALL), environment, root="/srv/hermes")
    text = out.read_text()
    assert text.startswith(_text(FALL).whole) and "CANARY" not in text
    for line in (
        "HERMES_ALERT_KIND=alert",
        "HERMES_ALERT_PROFILES=work",
        "HERMES_ALERT_ID=id-1",
        "HERMES_HOME=/srv/hermes",
    ):
        assert f"\n{line}\n" in text


def test_program_that_fails_or_hangs_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(senders.LIMITS, EXEC, 0.2)
    for command, error in (
        ("sh -c 'echo one >&2; echo no paper >&2; exit 3'", "page: sh exited with 3: no paper"),
        ("sleep 20", "page: sleep did not end within 0.2 s"),
        ("/no/such", "page: /no/such: no such file or directory"),
    ):
        with pytest.raises(Failed) as raised:
            send(Destination("page", EXEC, Secret(command)), _text(FALL), dict(os.environ), root="/srv")
        assert str(raised.value) == error


def test_hermes_sends_through_the_account_of_a_profile_by_its_own_command(tmp_path: Path) -> None:
    hermes = tmp_path / "hermes"
    hermes.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/words\necho $HERMES_HOME >> {tmp_path}/words\ncat >> {tmp_path}/words\n'
    )
    hermes.chmod(0o755)
    destination = Destination("chat", HERMES, Secret("family:telegram:-100:7"))
    text = _text(FALL._replace(reason="MEDIA:/etc/passwd"))
    send(destination, text, {"PATH": f"{tmp_path}:/usr/bin:/bin"}, root="/srv/hermes")
    words = (tmp_path / "words").read_text().splitlines()
    assert words[:2] == ["-p family send --to telegram:-100:7 --file -", "/srv/hermes"]
    assert "MEDIA:/etc" not in "".join(words) and words[2] == text.title
    with pytest.raises(Failed, match="`hermes` is not on PATH"):
        send(destination, text, {"PATH": "/no/such"}, root="/srv/hermes")


def test_apprise_is_named_with_its_install_command_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(Failed) as raised:
        send(Destination("phone", APPRISE, Secret("ntfy://CANARY-topic")), _text(FALL), {}, root="/srv")
    assert "pip install 'hermes-profiles[alerts]'" in (raised.value.problem.hint or "")


def test_apprise_delivers_and_fails_without_the_address(receiver: AlertReceiver) -> None:
    pytest.importorskip("apprise", reason="the extra `alerts` is not installed")
    url = f"ntfy://me:CANARYpass@127.0.0.1:{receiver.port}/CANARYtopic"
    destination = Destination("phone", APPRISE, Secret(url))
    send(destination, _text(FALL), {}, root="/srv")
    ((_, _, body),) = receiver.got
    assert "has a token that the platform refuses" in body.decode() and "CANARYpass" not in body.decode()
    receiver.mode = "refuse"
    with pytest.raises(Failed) as raised:
        send(destination, _text(FALL), {}, root="/srv")
    assert "Apprise could not send it" in str(raised.value) and "CANARY" not in str(raised.value)


@pytest.mark.parametrize(("kind", "address", "has", "shown"), [
    (WEBHOOK, "https://ops.example.org/hook", False, "https://ops.example.org/hook"),
    (WEBHOOK, "https://me:CANARYpw@example.org/hook", True, "https://example.org/***"),
    (WEBHOOK, "https://example.org/hook?token=CANARY", True, "https://example.org/***"),
    (WEBHOOK, "https://hooks.slack.com/services/T0/B0/CANARY000000", True, "https://hooks.slack.com/***"),
    (WEBHOOK, "https://hc-ping.com/0c1CANARY-2b3c-4d5e-8f90-123456789abc", True, "https://hc-ping.com/***"),
    (APPRISE, "tgram://123456:CANARYtoken/42", True, "tgram://***"),
    (APPRISE, "ntfy://CANARYtopic", True, "ntfy://***"),
    (APPRISE, "json://127.0.0.1:8080/hook", False, "json://127.0.0.1:8080/hook"),
    (EXEC, "/usr/local/bin/page me", False, "/usr/local/bin/page me"),
    (EXEC, "curl -H 'Authorization: Bearer CANARYtoken'", True, "***"),
    (HERMES, "work:telegram", False, "work:telegram"),
])  # fmt: skip
def test_address_with_a_secret_is_found_and_not_shown(
    kind: DestinationKind, address: str, has: bool, shown: str
) -> None:
    destination = Destination("one", kind, Secret(address))
    assert has_secret(kind, address) == has and shown_address(destination) == shown
    assert fault_of(kind, address) == "" and "CANARY" not in repr(destination)
    if has and kind is not EXEC:
        assert "CANARY" not in without_address(f"cannot reach {address}, that is {address.split('//')[1]}", destination)


@pytest.mark.parametrize(("kind", "address"), [
    (WEBHOOK, "ftp://example.org"), (WEBHOOK, "file:///etc/passwd"), (WEBHOOK, "https://"), (WEBHOOK, ""),
    (WEBHOOK, "https://example.org:x/"), (WEBHOOK, "https://example.org/\n"), (APPRISE, "phone"), (EXEC, "'open"),
    (HERMES, "work"), (HERMES, "work:--all"),
])  # fmt: skip
def test_address_that_cannot_be_used_is_refused(kind: DestinationKind, address: str) -> None:
    assert fault_of(kind, address) != ""


def test_unencrypted_address_of_another_machine_is_known() -> None:
    assert is_plain_http(Destination("one", WEBHOOK, Secret("http://example.org/x")))
    for address in ("http://127.0.0.1:9/x", "http://localhost/x", "https://example.org/x"):
        assert not is_plain_http(Destination("one", WEBHOOK, Secret(address)))


def test_error_text_of_a_library_loses_the_address() -> None:
    url = "https://hooks.slack.com/services/T0/B0/CANARY000000"
    error = senders._refusal(Destination("hook", WEBHOOK, Secret(url)), f"no route to {url}")
    assert str(error) == "hook: no route to ***"
