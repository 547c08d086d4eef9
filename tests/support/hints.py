"""Runs the commands of a hint or a fix in the sandbox of its user.

A hint names a command in backquotes, an option of the first command (`--force`), or both. Commands of this package run
in this process; tools for files run for real; commands that need a person, a machine or Hermes are only looked up.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from typing import Protocol

from command_lines import is_only_named, problem_of
from command_runner import Done, Runner

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES
from hermes_profiles.hermes.cli import PROFILE_COMMANDS

PROGRAMS = {each.name: each for each in (HERMES_PROFILES, HERMES_GATEWAYS)}
# Run for real: they change or show files of the sandbox.
TOOLS = frozenset({
    "cat", "chmod", "cp", "find", "grep", "ln", "ls", "mkdir", "mv", "rm", "tail", "tar", "touch", "truncate",
})  # fmt: skip
# Run only where a test has put a stand-in for them, in the folder `client` of its user.
STAND_INS = frozenset({"kubectl", "ssh"})
# Only looked up: they need a person, an administrator, the machine or a live process.
OTHERS = frozenset({
    "${EDITOR:-vi}", "age-keygen", "ansible-vault", "apt", "command", "df", "du", "export", "kill", "less",
    "loginctl", "pip", "pipx", "powercfg.exe", "ps", "python3", "sqlite3", "ss", "sudo", "sudoedit", "systemctl",
    "systemd-inhibit", "timedatectl", "unset", "wsl.exe", "zstd",
})  # fmt: skip
# Commands of Hermes that hints name: subcommand → its own subcommands (0.19.0, hermes_cli/subcommands/).
HERMES: Mapping[str, frozenset[str]] = {
    "auth": frozenset({"add", "logout"}),
    "chat": frozenset(),
    "config": frozenset({"migrate", "set"}),
    "cron": frozenset({"list", "remove"}),
    "gateway": frozenset({"migrate", "migrate-legacy", "run", "setup", "stop"}),
    "honcho": frozenset({"setup"}),
    "mcp": frozenset({"reauth"}),
    "memory": frozenset({"setup"}),
    "pairing": frozenset({"approve"}),
    "profile": frozenset({*PROFILE_COMMANDS, "migrate-identity", "purge-identity"}),  # the last two since 0.22
    "sessions": frozenset({"list", "repair"}),
    "uninstall": frozenset(),
    "update": frozenset(),
    "whatsapp": frozenset(),
}
SECRET = "CANARY" + "0123456789abcdef" * 4
NAMES = {
    "NAME": "fresh", "PROFILE": "work", "OTHER": "other", "MEMBER": "fresh", "KEY": "model.default", "ID": "7", "…": "",
    "PATH": "/usr/bin/python3", "VALUE": "x", "CODE": "1234",
}  # fmt: skip
# These change nothing: the state after them is better when they succeed.
_SHOWING = {
    "hermes-profiles": frozenset({
        "list", "show", "explain", "catalog", "diff", "completion", "trash list", "team list", "team show",
        "config get", "env list", "undo --list", "doctor", "shim status",
    }),
    "hermes-gateways": frozenset({"status", "list", "logs", "print", "upgrade-check", "group"}),
}  # fmt: skip
_LOOKING = frozenset({"cat", "find", "grep", "ls", "tail", "tar"})
# Words of stand-ins that change something.
_CHANGING = frozenset({"delete", "install", "scale", "upgrade"})


class World(Protocol):
    """A sandbox: its runner, and the variables of its commands."""

    runner: Runner


def commands_in(text: str) -> list[str]:
    """Return the texts in backquotes; a text without any is itself a command."""
    return re.findall(r"`([^`]+)`", text)


def parts_of(command: str) -> list[str]:
    """Return the simple commands of a command line."""
    return re.split(r" && |; ", command)


def filled(command: str, names: Mapping[str, str] | None = None) -> str:
    """Return a command with a value for each placeholder in capitals."""
    known = NAMES | dict(names or {})
    return re.sub(r"…|\b[A-Z]{2,}\b", lambda match: known.get(match[0], match[0]), command).strip()


def without_questions(command: str) -> str:
    """Return a command line that asks for no confirmation and no platform, and does what `--dry-run` only plans."""
    return " && ".join(map(_unattended, parts_of(command.removesuffix(" --dry-run"))))


def _unattended(part: str) -> str:
    words = part.split()
    if words[:1] == ["hermes-profiles"]:
        asks = words[1] in ("repair", "delete") or "--fix" in words or words[1:3] == ["trash", "empty"]
        part += " --yes" if asks and "--yes" not in words else ""
        part += " --offline" if words[1] == "connect" else ""
    return part


def is_ours(command: str) -> bool:
    return command.partition(" ")[0] in PROGRAMS


def is_option(command: str) -> bool:
    return command.startswith("-")


def is_run_here(command: str) -> bool:
    """Return whether a line is run by the tests: it begins with a command of this package or a tool, starts nothing."""
    first = parts_of(command)[0].split()
    return first[0] in (*PROGRAMS, *TOOLS, *STAND_INS) and not any(map(_starts_gateways, parts_of(command)))


def _starts_gateways(part: str) -> bool:
    words = part.split()
    switches = words[1:3] == ["team", "run-mode"] and "--dry-run" not in words
    starts = words[1] in ("start", "restart", "run") or "--start" in words or "--listen" in words
    return switches or (words[0] == HERMES_GATEWAYS.name and starts)


def changes_something(command: str) -> bool:
    """Return whether a command line, when it is run here, can change the state."""
    return any(_changes(part) for part in parts_of(command))


def _changes(part: str) -> bool:
    words = shlex.split(part.rpartition(" | ")[2])
    program = words[0]
    if program in PROGRAMS:
        if "--fix" in words or "--help" in words:
            return "--fix" in words
        return not {words[1], " ".join(words[1:3])} & _SHOWING[program]
    return program in TOOLS - _LOOKING or (program in STAND_INS and bool(_CHANGING & {*words}))


def unknown_words(command: str) -> str | None:
    """Return what no program knows in a command line, None when all is known."""
    for part in parts_of(command) if not is_option(command) else ():
        for stage in part.split(" | "):
            found = _unknown(stage)
            if found is not None:
                return found
    return None


def _unknown(stage: str) -> str | None:
    if re.fullmatch(r"[a-z][a-z0-9_-]*(?: .*)?", stage.lstrip('$"{')) is None:
        return None  # a value, no command
    if re.fullmatch(r"[a-z_]+", stage):
        return None  # a name
    if is_ours(stage):
        return None if is_only_named(stage.partition(" <")[0]) else problem_of(stage)
    words = [word for word in shlex.split(stage) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if not words:
        return None
    if words[0] == "hermes":
        return _unknown_to_hermes(words[1:])
    return None if words[0] in TOOLS | STAND_INS | OTHERS | {"openssl"} else f"{words[0]} is no known program"


def _unknown_to_hermes(words: list[str]) -> str | None:
    if words[:1] == ["-p"]:
        words = words[2:]
    if not words or words[0] not in HERMES:
        return f"hermes has no command {' '.join(words[:1])!r}"
    if HERMES[words[0]] and words[1] not in HERMES[words[0]]:
        return f"hermes {words[0]} has no command {words[1]!r}"
    return None


def run(runner: Runner, command: str, environment: Mapping[str, str], typed: str = "") -> Iterator[Done]:
    """Run the simple commands of a line in turn, until one fails; yields what came of each that was run."""
    for part in parts_of(command):
        source, _, stage = part.rpartition(" | ")
        given = f"{SECRET}\n" if source.startswith("openssl ") else typed
        done = _run(runner, stage, environment, given)
        if done is not None:
            yield done
            if done.code not in (0, 3):
                return


def _run(runner: Runner, stage: str, environment: Mapping[str, str], typed: str) -> Done | None:
    program, *words = shlex.split(stage.partition(" <")[0])
    if program == HERMES_PROFILES.name:
        return runner.call(*words, env=environment, typed=typed)
    if program == HERMES_GATEWAYS.name:
        return runner.gateways(*words, env=environment)
    if program not in TOOLS and not (program in STAND_INS and (runner.user_home / "client" / program).exists()):
        return None
    done = subprocess.run(
        ["/bin/sh", "-c", stage], env={**runner.environment, **environment}, cwd=runner.user_home, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)
