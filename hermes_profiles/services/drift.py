"""Compares an installed definition with the wanted one: same, outdated, edited, or foreign. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_SUPERVISED_CHILD
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.launchd.render import MARK, parse_plist, plist_mark
from hermes_profiles.services.systemd.quoting import unspecified
from hermes_profiles.services.systemd.render import handlers_line, render_unit, render_unit_unquoted
from hermes_profiles.services.systemd.unit_file import UnitDocument, logical_lines, meaning_of, parse_unit

from .checksum import checksum_matches, digest, has_mark
from .hermes_command import is_hermes_command
from .manager import ManagerKind
from .redact import is_safe_to_show, plist_view, text_view
from .spec import ServiceSpec

_PROGRAM_PATH = lazy_pattern(rb'^environment=.*?\bPATH="([^"]*)"', re.MULTILINE)
_BASE = lazy_pattern(rb"^# base: sha256:([0-9a-f]{64})$", re.MULTILINE)
# HERMES_HOME letter by letter, in a unit, in supervisord's file, in a plist.
_CLAIMS = {
    ManagerKind.SYSTEMD: lazy_pattern(r'^\s*Environment=\s*"?HERMES_HOME=(.*?)"?\s*$', re.MULTILINE),
    ManagerKind.SUPERVISOR: lazy_pattern(r"^environment=.*?\bHERMES_HOME=(\"[^\"]*\"|'[^']*')", re.MULTILINE),
    ManagerKind.LAUNCHD: lazy_pattern(r"<key>HERMES_HOME</key>\s*<string>(.*?)</string>"),
}
# Every setting of a unit that some version of Hermes writes; any other was added by hand.
_HERMES_KEYS = frozenset(
    [("Unit", key) for key in ("Description", "After", "Wants", "StartLimitIntervalSec")]
    + [
        ("Service", key)
        for key in (
            "Type",
            "NotifyAccess",
            "WatchdogSec",
            "User",
            "Group",
            "ExecStart",
            "WorkingDirectory",
            "Environment",
            "Restart",
            "RestartSec",
            "RestartForceExitStatus",
            "RestartPreventExitStatus",
            "SuccessExitStatus",
            "RestartMaxDelaySec",
            "RestartSteps",
            "KillMode",
            "KillSignal",
            "ExecReload",
            "ExecStop",
            "ExecStopPost",
            "TimeoutStopSec",
            "StandardOutput",
            "StandardError",
        )
    ]
    + [("Install", "WantedBy")]
)
# Settings with the same value in all versions of Hermes.
_HERMES_CONSTANTS = {
    "Restart": "always",
    "RestartSec": "5",
    "RestartForceExitStatus": "75",
    "RestartPreventExitStatus": "78",
    "KillMode": "mixed",
    "KillSignal": "SIGTERM",
    "StandardOutput": "journal",
    "StandardError": "journal",
}
_HERMES_VARIABLES = frozenset(
    ("HOME", "USER", "LOGNAME", "PATH", "VIRTUAL_ENV", HERMES_HOME, HERMES_SUPERVISED_CHILD, "LD_LIBRARY_PATH")
)
_PATH = "PATH"
_HERMES_JOB = frozenset(
    (
        "Label",
        "ProgramArguments",
        "WorkingDirectory",
        "EnvironmentVariables",
        "LimitLoadToSessionType",
        "RunAtLoad",
        "KeepAlive",
        "ThrottleInterval",
        "ExitTimeOut",
        "StandardOutPath",
        "StandardErrorPath",
        "SoftResourceLimits",
    )
)


class DriftCode(StrEnum):
    """How an installed definition compares with the wanted one; of several files the last value counts."""

    SAME = "same"
    SAME_MEANING = "same-meaning"  # written otherwise; nothing to do
    OUTDATED = "outdated"  # ours or Hermes', and not what we would write today
    MISSING = "missing"
    HAND_EDITED = "hand-edited"
    FOREIGN = "foreign"  # the service of another HERMES_HOME


_ORDER = tuple(DriftCode)


class Drift(NamedTuple):
    """The verdict on one service.

    `details`: the differences, without secrets; `diff`: installed → wanted, secrets hidden; `files`: those to write.
    """

    code: DriftCode
    details: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


class _DriftVerdict(NamedTuple):
    code: DriftCode
    details: tuple[str, ...] = ()


def compare(
    kind: ManagerKind, installed: Mapping[Path, bytes], wanted: Sequence[tuple[Path, bytes, int]], spec: ServiceSpec
) -> Drift:
    """Return how the installed files of a service differ from the wanted ones.

    `installed` holds the content of those of the wanted paths that are there; the main file is the first one wanted.
    """
    found: list[_DriftVerdict] = []
    files: list[Path] = []
    diff: list[str] = []
    for number, (path, content, _) in enumerate(wanted):
        if path not in installed:
            found.append(_DriftVerdict(DriftCode.MISSING, (f"{path} is missing",)))
            files.append(path)
            continue
        verdict = _verdict(kind, number, installed, wanted, spec)
        found.append(_DriftVerdict(verdict.code, tuple(f"{path}: {detail}" for detail in verdict.details)))
        if verdict.code not in (DriftCode.SAME, DriftCode.SAME_MEANING):
            files.append(path)
            diff += _diff(kind, path, installed[path], content)
    code = max((verdict.code for verdict in found), key=_ORDER.index)
    return Drift(code, tuple(detail for verdict in found for detail in verdict.details), tuple(diff), tuple(files))


def _verdict(
    kind: ManagerKind,
    number: int,
    installed: Mapping[Path, bytes],
    wanted: Sequence[tuple[Path, bytes, int]],
    spec: ServiceSpec,
) -> _DriftVerdict:
    path, content, _ = wanted[number]
    if installed[path] == content:
        return _DriftVerdict(DriftCode.SAME)
    if kind is ManagerKind.LAUNCHD:
        return _plist(installed[path], content, spec)
    if kind is ManagerKind.SYSTEMD and number == 0:
        drop_in = installed.get(wanted[1][0]) if len(wanted) > 1 else None
        return _base(installed[path], drop_in, wanted, spec)
    return _marked(kind, installed[path], content, spec)


def _foreign(home: str, claim: str, spec: ServiceSpec) -> _DriftVerdict | None:
    """Return the verdict `foreign` when a file names another home, both as parsed and literally."""
    if str(spec.home) in (home, claim) or not (home or claim):
        return None
    return _DriftVerdict(DriftCode.FOREIGN, (f"belongs to {home or claim}, not to {spec.home}",))


def _claim(kind: ManagerKind, content: bytes) -> str:
    """Return the home a file names literally: Hermes escapes nothing, and its file still belongs to the profile."""
    found = _CLAIMS[kind].findall("\n".join(logical_lines(content)))
    return str(found[-1]) if found else ""


def _base(
    base: bytes, drop_in: bytes | None, wanted: Sequence[tuple[Path, bytes, int]], spec: ServiceSpec
) -> _DriftVerdict:
    """Compare the base unit by meaning: Hermes rewrites it, and its text varies with the version."""
    document, ours = parse_unit(base), parse_unit(wanted[0][1])
    foreign = _foreign(document.environment().get(HERMES_HOME, ""), _claim(ManagerKind.SYSTEMD, base), spec)
    if foreign:
        return foreign
    # Hermes never quotes, and systemd reads an unquoted awkward path differently; the drop-in corrects it.
    unquoted = parse_unit(render_unit_unquoted(spec))
    is_awkward = unquoted != parse_unit(render_unit(spec))
    differences = meaning_of(document).differences(meaning_of(ours))
    if is_awkward and differences:
        differences = meaning_of(document).differences(meaning_of(unquoted))
    own = _own_command(document.command("ExecStart"))
    variables = tuple(name for name in document.environment() if name not in _HERMES_VARIABLES)
    strange = (*_strange_settings(document), *own)
    details = (
        *(f"{difference} differs" for difference in differences),
        *(f"{name} is not from Hermes" for name in strange),
    )
    if not differences and not variables:
        return _DriftVerdict(DriftCode.SAME_MEANING, details)
    # Our drop-in resets ExecStart= and Environment=: a command or a variable of the user's would have no effect.
    if not strange or (drop_in is not None and checksum_matches(drop_in) and _written_for(drop_in) == digest(base)):
        return _DriftVerdict(DriftCode.OUTDATED, details)
    return _DriftVerdict(DriftCode.HAND_EDITED, details)


def _own_command(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what to say of a command of the user's own, such as a vault in front of Hermes; () for Hermes' own."""
    if not words or is_hermes_command(words):
        return ()
    program = words[0].rpartition("/")[2]
    return (f"ExecStart with {program}" if is_safe_to_show(program) else "ExecStart",)


def _written_for(drop_in: bytes) -> str:
    found = _BASE.search(drop_in)
    return found[1].decode() if found else ""


def _strange_settings(document: UnitDocument) -> tuple[str, ...]:
    """Return what no version of Hermes writes: names of settings and variables."""
    found = {key for section, key in document.names() if (section, key) not in _HERMES_KEYS}
    found |= {key for key, text in _HERMES_CONSTANTS.items() if document.last(key) not in ("", text)}
    found |= {f"the variable {name}" for name in document.environment().keys() - _HERMES_VARIABLES}
    # Only a valid name is shown: other text could be a secret.
    return tuple(sorted(name if is_safe_to_show(name.split(" ")[-1]) else "a line" for name in found))


def _marked(kind: ManagerKind, content: bytes, wanted: bytes, spec: ServiceSpec) -> _DriftVerdict:
    """Compare a text file of ours."""
    claim = _claim(kind, content)
    if kind is ManagerKind.SUPERVISOR:
        claim = unspecified(claim[1:-1])
    foreign = _foreign(parse_unit(content).environment().get(HERMES_HOME, ""), claim, spec)
    if foreign:
        return foreign
    if not checksum_matches(content):
        reason = "was changed after we wrote it" if has_mark(content) else "was not written by hermes-profiles"
        return _DriftVerdict(DriftCode.HAND_EDITED, (reason,))
    if kind is ManagerKind.SUPERVISOR:
        wanted = _with_program_path(wanted, content)
    differences = _differing_settings(parse_unit(content), parse_unit(wanted))
    if not differences:
        return _DriftVerdict(DriftCode.SAME_MEANING)
    return _DriftVerdict(DriftCode.OUTDATED, tuple(f"{difference} differs" for difference in differences))


def _differing_settings(document: UnitDocument, wanted: UnitDocument) -> tuple[str, ...]:
    """Return the keys and the names of variables that differ; comments do not count.

    A drop-in of before may lack the line that calls OnFailure= units: the gateway runs as well without it.
    """
    variables, ours = document.environment(), wanted.environment()
    names = {name for name in variables.keys() | ours.keys() if variables.get(name) != ours.get(name)}
    if _is_path_with_more(variables.get(_PATH, ""), ours.get(_PATH, "")):
        names.discard(_PATH)
    keys = {key for _, key in document.names() | wanted.names() if key != "Environment"}
    sections = {setting.section for setting in document.settings + wanted.settings}
    differing = {
        key
        for key in keys
        if any(
            document.listed(key, section) not in (wanted.listed(key, section), _without_handlers(wanted, key, section))
            for section in sections
        )
    }
    return (*sorted(differing), *sorted(names))


def _without_handlers(document: UnitDocument, key: str, section: str) -> tuple[str, ...]:
    handlers = handlers_line().partition("=")[2]
    return tuple(value for value in document.listed(key, section) if value != handlers)


def _plist(content: bytes, wanted: bytes, spec: ServiceSpec) -> _DriftVerdict:
    """Compare a LaunchAgent: ours has a checksum, Hermes' own is known by its keys."""
    claim = _claim(ManagerKind.LAUNCHD, content)
    try:
        job = parse_plist(content)
    except Failed as error:
        # Hermes escapes nothing: with a `&` in a path, neither launchd nor a parser can read its file.
        if claim == str(spec.home) and MARK.encode() not in content:
            return _DriftVerdict(DriftCode.OUTDATED, (f"Hermes wrote it without escaping: {error}",))
        return _foreign("", claim, spec) or _DriftVerdict(DriftCode.HAND_EDITED, (str(error),))
    ours = parse_plist(wanted)
    foreign = _foreign(str(_variables(job).get(HERMES_HOME, "")), "", spec)
    if foreign:
        return foreign
    if job == ours or _with_path_of(ours, job) == job:
        return _DriftVerdict(DriftCode.SAME_MEANING)
    names = sorted(key for key in job.keys() | ours.keys() - {MARK} if job.get(key) != ours.get(key) and key != MARK)
    details = tuple(f"{key} differs" for key in names if key in ours or key in _HERMES_JOB) + tuple(
        "a key that was added by hand" for key in names if key not in ours and key not in _HERMES_JOB
    )
    if job.get(MARK) == plist_mark(job):
        return _DriftVerdict(DriftCode.OUTDATED, details)
    if MARK in job:
        return _DriftVerdict(DriftCode.HAND_EDITED, ("was changed after we wrote it", *details))
    if _is_hermes_job(job):
        return _DriftVerdict(DriftCode.OUTDATED, ("written by Hermes", *details))
    return _DriftVerdict(DriftCode.HAND_EDITED, ("was not written by hermes-profiles", *details))


def _with_program_path(wanted: bytes, installed: bytes) -> bytes:
    """Return a wanted file of supervisord with the PATH of the installed one, where folders have only joined that."""
    found, ours = _PROGRAM_PATH.search(installed), _PROGRAM_PATH.search(wanted)
    if found is None or ours is None or not _is_path_with_more(found[1].decode(), ours[1].decode()):
        return wanted
    return wanted[: ours.start(1)] + found[1] + wanted[ours.end(1) :]


def _is_path_with_more(installed: str, wanted: str) -> bool:
    """Return whether folders have only joined PATH: the gateway still finds its programs where it found them.

    `install --force` writes the PATH of this shell.
    """
    folders = iter(wanted.split(":"))
    return all(folder in folders for folder in installed.split(":"))


def _with_path_of(ours: Mapping[str, Any], installed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the wanted job with the PATH of an installed one, where folders have only joined that."""
    key = "EnvironmentVariables"
    paths = [str(_variables(job).get(_PATH, "")) for job in (installed, ours)]
    if not _is_path_with_more(*paths):
        return ours
    changed = {**_variables(ours), _PATH: paths[0]}
    return {**ours, key: changed, MARK: installed.get(MARK)}


def _variables(job: Mapping[str, Any]) -> Mapping[str, Any]:
    variables = job.get("EnvironmentVariables")
    return variables if isinstance(variables, dict) else {}


def _is_hermes_job(job: Mapping[str, Any]) -> bool:
    """Return whether some version of Hermes writes such a job, so that overwriting it loses nothing."""
    words = job.get("ProgramArguments")
    command = " ".join(map(str, words)) if isinstance(words, list) else ""
    return (
        job.keys() <= _HERMES_JOB
        and isinstance(words, list)
        and is_hermes_command(tuple(map(str, words)))
        and _variables(job).keys() <= _HERMES_VARIABLES
        and "hermes" in command
        and "gateway" in command
        and job.get("KeepAlive") in (True, {"SuccessfulExit": False})
        and job.get("ThrottleInterval") in (30, None)
    )


def _diff(kind: ManagerKind, path: Path, installed: bytes, wanted: bytes) -> Iterator[str]:
    from difflib import unified_diff

    if kind is ManagerKind.LAUNCHD:
        ours = parse_plist(wanted)
        try:
            before = plist_view(parse_plist(installed), ours)
        except Failed as error:
            before = [f"({error})"]
        after = plist_view(ours, ours)
    else:
        before, after = text_view(installed, wanted), text_view(wanted, wanted)
    yield from unified_diff(before, after, f"{path} (installed)", f"{path} (wanted)", lineterm="")
