"""A vault in `ExecStart=` of the user's own drop-in, which our command is started through."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from hermes_profiles.gateways.installation.launcher_tools import is_wrapper, without_wrappers
from hermes_profiles.hermes.cli import MODULE, PROGRAM
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.spec import Wrapper
from hermes_profiles.services.systemd.user_drop_ins import UserDropIns

# They become the command, so the gateway has the PID of the service: it gets its signals and may notify systemd.
_REPLACED = frozenset(("env", "nice", "ionice", "chrt", "taskset", "setpriv", "envchain", "envdir", "chpst", "chamber"))
# They stay in front of it and pass signals on. Source: changelog of doppler 3.20.1, "Forward signals to 'run' process
# when no TTY is allocated".
_FORWARDING = frozenset(("doppler",))
# `sops exec-env --same-process FILE COMMAND` becomes the command; without the option it dies of a signal alone.
_SOPS, _SAME_PROCESS = ("sops", "exec-env"), "--same-process"


class CarriedWrapper(NamedTuple):
    """A wrapper that our command can be started through, and the drop-in that names it."""

    path: Path
    wrapper: Wrapper


def carried_wrapper(found: UserDropIns, profile: str, watchdog: int) -> CarriedWrapper | None:
    """Return the wrapper in the last drop-in before ours that sets `ExecStart=`; None where that is not safe.

    It is safe where the wrapped command starts the gateway of this profile and nothing else, where the wrapper is an
    absolute path without variables of the manager, and where a stop reaches the gateway. `watchdog`: with one, only
    the process of the service may notify systemd.
    """
    if not found.commands:
        return None
    path, words = found.commands[-1]
    if not words or not os.path.isabs(words[0]) or any("$" in word or "%" in word for word in words):
        return None
    wrapper = _sops(words, profile) or _in_front(words, profile)
    if wrapper is None or (os.path.basename(words[0]) in _FORWARDING and watchdog > 0):
        return None
    return CarriedWrapper(path, wrapper)


def _sops(words: tuple[str, ...], profile: str) -> Wrapper | None:
    if (os.path.basename(words[0]), *words[1:2]) != _SOPS or _SAME_PROCESS not in words[2:-1]:
        return None
    try:
        command = shlex.split(words[-1])
    except ValueError:
        return None
    return Wrapper(words[:-1], in_one_word=True) if _is_gateway(command, profile) else None


def _in_front(words: tuple[str, ...], profile: str) -> Wrapper | None:
    command, _ = without_wrappers(words)
    front = words[: len(words) - len(command)]
    if not command or not front or tuple(command) != words[len(front) :] or not _is_gateway(command, profile):
        return None
    is_known = os.path.basename(front[0]) in _REPLACED | _FORWARDING
    # A second wrapper behind the first would need the same proof: one alone is carried.
    return Wrapper(front) if is_known and not any(is_wrapper(os.path.basename(word)) for word in front[1:]) else None


def _is_gateway(command: list[str], profile: str) -> bool:
    """Return whether a command is `gateway run` of Hermes, for this profile or without one."""
    program = os.path.basename(command[0])
    rest = command[1:]
    if rest[:2] == ["-m", MODULE]:
        rest = rest[2:]
    elif program != PROGRAM:
        return False
    if rest[:1] in (["-p"], ["--profile"]):
        if rest[1:2] != [profile]:
            return False
        rest = rest[2:]
    return rest in (["gateway", "run"], ["gateway", "run", "--replace"])
