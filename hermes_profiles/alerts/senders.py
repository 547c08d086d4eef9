"""Sends one message: a webhook, a program, Apprise, `hermes send`, or the call of a heartbeat."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from hermes_profiles.gateways.installation.hermes_on_path import real_hermes
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import system_reason

from .addresses import without_address
from .model import Destination, DestinationKind

# Seconds that a try may take. `hermes send` loads all of Hermes first.
LIMITS = {
    DestinationKind.WEBHOOK: 15.0,
    DestinationKind.HEARTBEAT: 15.0,
    DestinationKind.APPRISE: 30.0,
    DestinationKind.EXEC: 60.0,
    DestinationKind.HERMES: 90.0,
}
_LONGEST_ERROR = 200
# In the log of Apprise: a connection that was lost, unless it never was one.
_LOST = lazy_pattern(
    r"Socket Exception: (?!.*(?:ConnectTimeout|Failed to establish)).*(?:closed|reset|abort|time)", re.I
)
_NEVER = "Connection error while submitting"
INSTALL = "pip install 'hermes-profiles[alerts]'"


class Unanswered(Failed):
    """A failure after which the message may have arrived all the same."""


class OutgoingText(NamedTuple):
    """A message as it is sent. `data`: the body of a webhook; `profiles`: those that it is about."""

    id: str
    title: str
    body: str
    kind: str
    data: Mapping[str, Any]
    profiles: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """Return title and body as one text."""
        return f"{self.title}\n{self.body}\n"


def send(destination: Destination, text: OutgoingText, environment: Mapping[str, str], *, root: str) -> None:
    """Send a message within the time limit of its destination. Raises Failed; its text has no secret."""
    import threading

    failures: list[Exception] = []

    def work() -> None:
        try:
            _SENDERS[destination.kind](destination, text, {**environment, HERMES_HOME: root})
        except Exception as error:  # noqa: BLE001  a library may raise anything; the caller of the thread gets it
            failures.append(error)

    limit = LIMITS[destination.kind]
    # A name server that hangs blocks in C, where no signal handler runs.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(limit + 1.0)
    if thread.is_alive():
        raise _refusal(destination, f"no answer within {limit:g} s", is_unsure=True)
    for failure in failures:
        if isinstance(failure, Failed):
            raise failure
        raise _refusal(destination, _reason(failure), is_unsure=_is_unsure(failure)) from None


def _refusal(destination: Destination, reason: str, *, is_unsure: bool = False) -> Failed:
    text = without_address(" ".join(reason.split()), destination)[:_LONGEST_ERROR]
    kind = Unanswered if is_unsure else Failed
    return kind(
        f"{destination.name}: {text}",
        target=destination.name,
        code="not-delivered",
        hint="see the address and what is waiting for it with `hermes-gateways alert list`",
    )


def _is_unsure(error: BaseException) -> bool:
    """Return whether a request may have arrived: urllib gives what fails before the answer as URLError."""
    from http.client import HTTPException
    from urllib.error import URLError

    return isinstance(error, OSError | HTTPException) and not isinstance(error, URLError)


def _reason(error: BaseException) -> str:
    """Return why a try failed, in a few words without a URL."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        error.close()
        return f"HTTP status {error.code}"
    if isinstance(error, URLError) and isinstance(error.reason, BaseException):
        return _reason(error.reason)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return system_reason(error)
    if isinstance(error, HTTPException):
        return "an answer that is not HTTP"
    return type(error).__name__


def _post(destination: Destination, text: OutgoingText, _environment: Mapping[str, str]) -> None:
    body = json.dumps(dict(text.data), ensure_ascii=False).encode()
    _request(destination, body, {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": text.id})


def _call(destination: Destination, _text: OutgoingText, _environment: Mapping[str, str]) -> None:
    _request(destination, None, {})


def _request(destination: Destination, body: bytes | None, headers: Mapping[str, str]) -> None:
    import base64
    from urllib.parse import unquote, urlsplit, urlunsplit
    from urllib.request import Request, urlopen

    from hermes_profiles import __version__

    parts = urlsplit(destination.address.reveal())
    login, at, host = parts.netloc.rpartition("@")
    given = {"User-Agent": f"hermes-profiles/{__version__}", **headers}
    if at:  # urllib takes no login in a URL
        given["Authorization"] = f"Basic {base64.b64encode(unquote(login).encode()).decode()}"
    url = urlunsplit(parts._replace(netloc=host))
    with urlopen(Request(url, data=body, headers=given), timeout=LIMITS[destination.kind]) as answer:  # noqa: S310
        answer.read(1024)


def _run_command(destination: Destination, text: OutgoingText, environment: Mapping[str, str]) -> None:
    words = shlex.split(destination.address.reveal())
    names = {
        "HERMES_ALERT_ID": text.id,
        "HERMES_ALERT_KIND": text.kind,
        "HERMES_ALERT_TITLE": text.title,
        "HERMES_ALERT_TEXT": text.whole,
        "HERMES_ALERT_PROFILES": " ".join(text.profiles),
    }
    _run(destination, words, text.whole, {**environment, **names})


def _hermes_send(destination: Destination, text: OutgoingText, environment: Mapping[str, str]) -> None:
    """Send through the account of a profile by `hermes send`, which needs no running gateway for most channels."""
    profile, _, channel = destination.address.reveal().partition(":")
    program = real_hermes(environment)
    if program is None:
        raise _refusal(destination, "`hermes` is not on PATH")
    # Hermes takes a line `MEDIA:PATH` for a file to attach.
    whole = text.whole.replace("MEDIA:", "MEDIA :").replace("[[", "[ [")
    _run(destination, (program, "-p", profile, "send", "--to", channel, "--file", "-"), whole, environment)


def _run(destination: Destination, words: Sequence[str], text: str, environment: Mapping[str, str]) -> None:
    import subprocess

    try:
        done = subprocess.run(
            list(words),
            input=text,
            env=dict(environment),
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LIMITS[destination.kind],
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"{words[0]} did not end within {LIMITS[destination.kind]:g} s"
        raise _refusal(destination, text, is_unsure=True) from None
    except OSError as error:
        raise _refusal(destination, f"{words[0]}: {system_reason(error)}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        why = f": {lines[-1].strip()}" if lines else ""
        raise _refusal(destination, f"{words[0]} exited with {done.returncode}{why}")


def _notify(destination: Destination, text: OutgoingText, _environment: Mapping[str, str]) -> None:
    apprise = apprise_library(destination.name)
    service = apprise.Apprise()
    if not service.add(destination.address.reveal()):
        raise _refusal(destination, "Apprise does not know such a URL")
    kind = apprise.NotifyType.SUCCESS if text.kind == "recovery" else apprise.NotifyType.FAILURE
    kind = apprise.NotifyType.INFO if text.kind == "test" else kind
    logger = apprise.logging.getLogger("apprise")
    propagates, logger.propagate = logger.propagate, False  # its words name secrets: no other log gets them
    try:
        # Its words for users do not say whether there was a connection; those for developers do.
        with apprise.LogCapture(level=apprise.logging.DEBUG, fmt="%(levelname)s:%(message)s") as log:
            is_sent = service.notify(title=text.title, body=text.body, notify_type=kind, body_format="text")
            output = log.getvalue()
    finally:
        logger.propagate = propagates
    if not is_sent:
        warning = re.search(r"^(?:WARNING|ERROR):(.*)", output, re.MULTILINE)
        is_unsure = _LOST.search(output) is not None and _NEVER not in output
        raise _refusal(
            destination, f"Apprise could not send it{': ' + warning[1] if warning else ''}", is_unsure=is_unsure
        )


def apprise_library(name: str) -> Any:
    """Return the module of Apprise, an optional library. Raises Failed where it is missing; `name`: what needs it."""
    try:
        return import_module("apprise")
    except ImportError:
        raise Failed(
            f"{name}: the library Apprise is not installed",
            target=name,
            code="no-apprise",
            hint=f"install it with `{INSTALL}`, in the environment of hermes-profiles",
        ) from None


_SENDERS: Mapping[DestinationKind, Callable[[Destination, OutgoingText, Mapping[str, str]], None]] = {
    DestinationKind.WEBHOOK: _post,
    DestinationKind.HEARTBEAT: _call,
    DestinationKind.EXEC: _run_command,
    DestinationKind.HERMES: _hermes_send,
    DestinationKind.APPRISE: _notify,
}
