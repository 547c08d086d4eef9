"""Runs our programs in a place: the words before them by kind, time limits, one connection of ssh for many commands."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from hermes_profiles.changes.state_files import own_folder
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.errors import ExitCode, HermesProfilesError
from hermes_profiles.model.named_tuple import NamedTuple

from .model import KubernetesTarget, Place, PlaceKind

CONNECT = 10
# Seconds in which a command that only reads must answer.
LIMIT = 30.0
_LONG = 60.0
# sun_path has 103 bytes on macOS; ssh binds a name with 17 more bytes first.
_LONGEST = 85
# Programs that pipx and pip install for a user are below ~/.local/bin, which a shell without login does not search.
_SCRIPT = 'PATH="$PATH:$HOME/.local/bin"; export PATH; exec "$@"'
_PROGRAMS = {"hermes-gateways": "hermes_profiles.cli.gateways", "hermes-profiles": "hermes_profiles.cli"}
_SILENT_SSH = 255
_NO_PROGRAM = 127
_MARK_OF_KUBECTL = "command terminated with exit code"


class PlaceSilent(HermesProfilesError):
    """A place does not answer: it cannot be reached, or not in time (exit 4)."""

    exit_code = ExitCode.MANAGER
    default_code = "place-silent"


class PlaceOutput(NamedTuple):
    """How a command in a place ended. Its standard output can hold a secret."""

    code: int
    out: bytes
    err: str

    def __repr__(self) -> str:
        """Return a text without the output."""
        return f"PlaceOutput(code={self.code})"


def place_words(place: Place, words: Sequence[str], *, control: str | None = None, is_long: bool = False) -> list[str]:
    """Return the command line that runs words in a place. `words[0]`: one of our programs, or any other.

    `control`: the socket of a shared connection; `is_long`: it takes long, or is a long stream, and gets a patient
    connection of its own.
    Nothing secret may be in the words: every user of both machines can see them.
    """
    if place.kind is PlaceKind.LOCAL:
        module = _PROGRAMS.get(words[0])
        own = [sys.executable, "-P", "-m", module] if module is not None else [words[0]]
        return [*own, *words[1:]]
    inside = ["env", f"{HERMES_HOME}={place.root}", *words] if place.root else [*words]
    there = ["sh", "-c", _SCRIPT, "sh", *inside]
    if place.kubernetes is not None:
        target = place.kubernetes
        context = ["--context", target.context] if target.context else []
        return ["kubectl", *context, "-n", target.namespace, "exec", "-i", target.pod, "--", *there]
    return [*_ssh_options(control, is_long=is_long), place.host, "--", shlex.join(["exec", *there])]


def _ssh_options(control: str | None, *, is_long: bool) -> list[str]:
    is_shared = control is not None and not is_long
    alive = (15, 4) if is_long else (2, 2)
    # Where the link of an open connection is gone, ssh sees that after some seconds and connects once more.
    connect = CONNECT // 2 if is_shared and control is not None and os.path.lexists(control) else CONNECT
    shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={control}", "-o", "ControlPersist=60"]
    return [
        "ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={connect}",
        "-o", f"ServerAliveInterval={alive[0]}", "-o", f"ServerAliveCountMax={alive[1]}",
        *(shared if is_shared else ["-o", "ControlPath=none"]),
    ]  # fmt: skip


def place_environment(place: Place, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the program that reaches a place."""
    if place.kind is PlaceKind.LOCAL:
        return {**environment, HERMES_HOME: place.root}
    return {name: text for name, text in environment.items() if name != HERMES_HOME}


def control_socket(place: Place, environment: Mapping[str, str]) -> str | None:
    """Return the socket of the shared connection of ssh, in a private folder; None where there is no short path."""
    if place.kind is not PlaceKind.SSH:
        return None
    uid, given = os.getuid(), environment.get("XDG_RUNTIME_DIR", "")
    name = "ssh-" + hashlib.sha256(place.host.encode()).hexdigest()[:12]
    folder = Path(f"/tmp/hermes-profiles-{uid}")  # noqa: S108  (its owner is checked below)
    if given.startswith("/") and given.isprintable() and _is_of(given, uid):
        inside = Path(given) / "hermes-profiles"
        folder = inside if len(os.fsencode(inside / name)) <= _LONGEST else folder
    try:
        own_folder(folder, uid)
    except HermesProfilesError:
        return None
    return str(folder / name) if "%" not in str(folder) else None


def _is_of(folder: str, uid: int) -> bool:
    try:
        status = os.stat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid


def run_in_place(
    place: Place,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    typed: bytes = b"",
    limit: float = LIMIT,
) -> PlaceOutput:
    """Run a command in a place to its end. `typed`: its standard input, where secrets go.

    Raises PlaceSilent where the place cannot be reached or does not answer in time, or has no such program.
    """
    is_long = limit > _LONG
    line = place_words(place, words, control=control_socket(place, environment), is_long=is_long)
    try:
        process = subprocess.Popen(
            line,
            env=place_environment(place, environment),
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C ends this command, which ends that one: no two messages
        )
    except OSError as error:
        raise _no_client(place, line[0], error) from error
    try:
        out, err = process.communicate(typed or None, timeout=limit)
    except subprocess.TimeoutExpired:
        raise silent(place, f"did not answer within {limit:g} s") from None
    finally:
        end_process(process)
    return checked_output(place, words[0], process.returncode, out, err)


def checked_output(place: Place, program: str, code: int, out: bytes, err: bytes) -> PlaceOutput:
    """Return how a command ended. Raises PlaceSilent where it was not the command that answered."""
    text = err.decode("utf-8", "replace")
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    if place.kind is PlaceKind.SSH and code == _SILENT_SSH and not out:
        raise silent(place, last or "ssh ended without a message")
    if place.kind is PlaceKind.KUBERNETES and code and not out and _MARK_OF_KUBECTL not in text:
        raise silent(place, last or "kubectl ended without a message")
    if code == _NO_PROGRAM and not out:
        raise PlaceSilent(
            f"{place.name}: {program} is not installed there",
            target=place.name,
            code="no-program-there",
            hint=f"install it with {install_hint(place)}",
        )
    return PlaceOutput(code, out, text)


def install_hint(place: Place) -> str:
    """Return the command that installs our programs in a place."""
    if place.kubernetes is not None:
        return "an image that has them"
    return f"`{tried_words(place, 'pipx install hermes-profiles')}`"


def tried_words(place: Place, words: str) -> str:
    """Return the command line with which a person runs words in a place."""
    if place.kubernetes is not None:
        return f"{_kubectl(place.kubernetes)} exec {place.kubernetes.pod} -- {words}"
    return f"ssh {place.host} {words}" if place.kind is PlaceKind.SSH else words


def _kubectl(target: KubernetesTarget) -> str:
    context = f"--context {shlex.quote(target.context)} " if target.context else ""
    return f"kubectl {context}-n {target.namespace}"


def silent(place: Place, why: str) -> PlaceSilent:
    """Return the error of a place that does not answer."""
    if place.kind is PlaceKind.SSH:
        hint = f"try the connection with `{tried_words(place, 'true')}`"
    elif place.kubernetes is not None:
        hint = f"see the pod with `{_kubectl(place.kubernetes)} describe pod {place.kubernetes.pod}`"
    else:
        hint = f"look at it with `ls -ld {shlex.quote(place.root)}`"
    return PlaceSilent(f"{place.name}: {why}", target=place.name, hint=hint)


class PlaceStream:
    """A command in a place with pipes as its standard input and output, as a context manager; for long streams.

    On exit it is ended unless it has ended. `finish` returns its exit code and its error output.
    """

    def __init__(
        self,
        place: Place,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: int | IO[bytes] | None = None,
        stdout: int | IO[bytes] | None = None,
        is_bulk: bool = True,
    ) -> None:
        """Start it. `stdin`, `stdout`: a descriptor or file, None for a pipe. Raises PlaceSilent."""
        self.place, self._program = place, words[0]
        control = None if is_bulk else control_socket(place, environment)
        line = place_words(place, words, control=control, is_long=is_bulk)
        try:
            self.process = subprocess.Popen(
                line,
                env=place_environment(place, environment),
                stdin=subprocess.PIPE if stdin is None else stdin,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise _no_client(place, line[0], error) from error

    def __enter__(self) -> PlaceStream:
        return self

    def __exit__(self, *_: object) -> None:
        end_process(self.process)

    @property
    def stdin(self) -> IO[bytes]:
        """Return the pipe to its standard input."""
        assert self.process.stdin is not None  # noqa: S101
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Return the pipe of its standard output."""
        assert self.process.stdout is not None  # noqa: S101
        return self.process.stdout

    def finish(self, limit: float = LIMIT) -> PlaceOutput:
        """Close its input, read what is left of its output, and return how it ended. Raises PlaceSilent."""
        try:
            out, err = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise silent(self.place, f"did not answer within {limit:g} s") from None
        return checked_output(self.place, self._program, self.process.returncode, out or b"", err)


def end_process(process: subprocess.Popen[bytes], patience: float = 2.0) -> None:
    """End a client of ours unless it has ended: SIGTERM, and SIGKILL for one that stays."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was in its buffer has no reader
                continue


def _no_client(place: Place, program: str, error: OSError) -> PlaceSilent:
    why = "is not on PATH" if isinstance(error, FileNotFoundError) else f"cannot be run: {error.strerror}"
    return PlaceSilent(
        f"{place.name}: `{program}` {why}",
        target=place.name,
        code="no-client",
        hint="install it with `apt install openssh-client`" if program == "ssh" else f"install `{program}`",
    )
