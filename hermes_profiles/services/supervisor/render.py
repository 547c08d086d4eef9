"""Renders the program file of a gateway for supervisord, and the daemon's own configuration. Pure.

A file has one program. supervisord's reader has four traps, which are all handled here: it expands `%(name)s`, it
starts a comment at any `;` or `#` after a blank, it strips blanks off both ends, and the quotes of `environment=` have
no escapes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from hermes_profiles.hermes.environment import HERMES_GATEWAY_EXTERNAL_SUPERVISOR
from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.checksum import add_checksum
from hermes_profiles.services.spec import ServiceSpec, clean_script
from hermes_profiles.services.systemd.quoting import checked

_FLEET = "hermes_profiles.services.supervisor.rpc:make_fleet"
SUPERVISED = (HERMES_GATEWAY_EXTERNAL_SUPERVISOR, "1")

# An expansion to nothing: written where the reader would find a comment, or blanks to strip.
_NOTHING = "%({}).0s"
_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_PATTERN = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_LOG_LINE = lazy_pattern(rb"^stdout_logfile=(.*)$", re.MULTILINE)
_INHERITED_LINE = lazy_pattern(rb"^inherited=(.*)$", re.MULTILINE)


class Delays(NamedTuple):
    """Seconds before a failed gateway is started again.

    `first`, doubled each time up to `longest`, and reset after a run of `settled`.
    """

    first: float = 1.0
    longest: float = 60.0
    settled: float = 60.0


def render_program(spec: ServiceSpec) -> bytes:
    """Return `programs/<unit>.conf`, with a checksum.

    Raises UsageProblem for control characters, and for invalid names of variables.
    """
    supervised = spec._replace(variables=(*spec.variables, SUPERVISED))
    for what, text in (("the home", str(spec.home)), ("the log's path", str(spec.log)), ("the profile", spec.profile)):
        checked(text, what)
    for word in (*supervised.prestart, *supervised.pinned_command):
        checked(word, "the command")
    for name, text in supervised.environment:
        _check(name, _NAME, "variable")
        checked(text, name)
    for name in supervised.inherited:
        _check(name, _PATTERN, "variable")
    exported = [(name, text) for name, text in supervised.environment if _quoted(text) is None]
    pairs = [f"{name}={quoted}" for name, text in supervised.environment if (quoted := _quoted(text)) is not None]
    command = ("/bin/sh", "-c", _script(supervised, exported), UNIT, *supervised.pinned_command)
    lines = [
        f"; The gateway of profile {spec.profile}, run by hermes-profiles' own supervisord",
        f"[program:{spec.name.unit}]",
        "; A shell removes what the gateway must not inherit, updates the overlay and executes the gateway.",
        f"command={_value(' '.join(map(_word, command)))}",
        f"directory={_value(str(spec.home))}",
        f"environment={_value(','.join(pairs))}",
        "umask=022",
        "; The daemon itself decides what runs, and how long it waits before the next try: after 75 it starts",
        f"; it again at once, after 0 and {FATAL_CONFIGURATION} it does not, after anything else in 1, 2, 4 … 60 s.",
        "autostart=false",
        "autorestart=unexpected",
        f"exitcodes=0,{FATAL_CONFIGURATION}",
        "startsecs=0",
        f"boot_delay={spec.boot_delay:g}",
        f"inherited={' '.join(spec.inherited)}",
        "; TERM for the gateway alone, which ends its child processes; KILL for what is left.",
        "stopsignal=TERM",
        f"stopwaitsecs={spec.stop_timeout}",
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_value(str(spec.log), times=2)}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=3",
    ]
    return add_checksum(("\n".join(lines) + "\n").encode(), comment=";")


def render_words(words: Sequence[str], variables: Sequence[tuple[str, str]], log: Path) -> tuple[str, ...]:
    """Return the lines of command, variables and log for a program that is no gateway.

    A variable that `environment=` cannot hold is set by env(1).
    """
    beyond = [f"{name}={text}" for name, text in variables if _quoted(text) is None]
    command = ("/usr/bin/env", *beyond, *words) if beyond else words
    pairs = [f"{name}={quoted}" for name, text in variables if (quoted := _quoted(text)) is not None]
    return (
        f"command={_value(' '.join(map(_word, command)))}",
        f"environment={_value(','.join(pairs))}",
        "redirect_stderr=true",
        f"stdout_logfile={_value(str(log), times=2)}",
    )


def render_daemon(socket: Path, delays: Delays | None = None) -> bytes:
    """Return `supervisord.conf`; its other files are in the same folder.

    There is no `[include]`: with it, one broken file would keep every gateway from starting. The daemon reads the
    folder `programs` itself, file by file.
    """
    first, longest, settled = delays or Delays()
    checked(str(socket), "the socket's path")
    lines = [
        "; Written by hermes-profiles whenever it starts the daemon",
        "[unix_http_server]",
        f"file={_value(str(socket), empty=_NOTHING.format('here'))}",
        "chmod=0600",
        "",
        "[supervisord]",
        "nodaemon=false",
        "directory=/",
        "umask=077",
        "identifier=hermes-profiles",
        "logfile=%(here)s/supervisord.log",
        "logfile_maxbytes=1MB",
        "logfile_backups=2",
        "loglevel=info",
        "pidfile=%(here)s/supervisord.pid",
        "childlogdir=%(here)s",
        "; supervisord creates no files in it, so it removes none.",
        "nocleanup=true",
        "; The limits of the user are left as they are.",
        "minfds=16",
        "minprocs=1",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
        "[rpcinterface:fleet]",
        f"supervisor.rpcinterface_factory={_FLEET}",
        f"first_delay={first:g}",
        f"longest_delay={longest:g}",
        f"settled_after={settled:g}",
    ]
    return ("\n".join(lines) + "\n").encode()


def unsupported_options(spec: ServiceSpec) -> tuple[str, ...]:
    """Return the options of the spec that supervisord does not support, one sentence each."""
    found = []
    if spec.limits.memory is not None:
        found.append("supervisord cannot limit memory")
    if spec.limits.cpu is not None:
        found.append("supervisord cannot limit CPU time to a share of a core")
    if spec.watchdog:
        found.append("supervisord has no watchdog: a gateway that hangs is not restarted")
    return tuple(found)


def log_of(content: bytes) -> str | None:
    """Return the path of the log that a program file of ours names, None when it names none."""
    found = _LOG_LINE.search(content)
    if found is None:
        return None
    text = found[1].decode("utf-8", "replace").strip().replace(_NOTHING.format("program_name"), "")
    return text.replace("%%", "%").replace("%%", "%")


def inherited_of(content: bytes) -> tuple[str, ...]:
    """Return the names and patterns that a program file of ours wants from the daemon's environment."""
    found = _INHERITED_LINE.search(content)
    words = found[1].decode("utf-8", "replace").split() if found else []
    return tuple(word for word in words if _PATTERN.fullmatch(word))


def _script(spec: ServiceSpec, exported: list[tuple[str, str]]) -> str:
    parts = [f"export {name}={shlex.quote(text)}; " for name, text in exported]
    # The prestart also runs without foreign variables. The gateway starts even if it fails.
    parts.append(clean_script(spec))
    if spec.prestart:
        parts.append(f"{shlex.join(spec.prestart)}; ")
    return "".join(parts) + 'exec "$@"'


def _word(text: str) -> str:
    """Return an argument of `command=`, which is split as by a shell, without variables."""
    if "'" not in text:
        return shlex.quote(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted(text: str) -> str | None:
    """Return the text as `environment=` can hold it; None when only the shell can set it.

    The reader has no escapes, and strips all quotes off both ends.
    """
    if text.strip("'\"") != text:
        return None
    return next((mark + text + mark for mark in "\"'" if mark not in text), None)


def _value(text: str, *, times: int = 1, empty: str = _NOTHING.format("program_name")) -> str:
    """Return the text to write after `name=`; `times`: how often the reader expands it."""
    return "".join(_spelled(text, times, empty))


def _spelled(text: str, times: int, empty: str) -> Iterator[str]:
    before = ""
    for character in text:
        # `%%(here)s` still contains `%(here)s`, which one pass of the reader replaces as plain text.
        if (
            (before.isspace() and character in ";#")
            or (before == "%" and character == "(")
            or (not before and character.isspace())
        ):
            yield empty
        yield character if character != "%" else "%" * 2**times
        before = character
    if before.isspace():
        yield empty


def _check(name: str, form: re.Pattern[str], what: str) -> None:
    if form.fullmatch(name) is None:
        raise UsageProblem(
            f"{name!r} is not a valid name of a {what}",
            target=name,
            code="bad-name",
            hint="use letters, digits and `_`, not beginning with a digit",
        )
