"""Parses the output of launchctl, and explains its exit codes; starts no program.

The output is no stable interface: unknown lines are skipped, and missing values are None.
"""

from __future__ import annotations

import re

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.run_command import Finished

# No such job in that domain: 3 (ESRCH), 113 ("Could not find service in domain for user gui: 501").
GONE = frozenset((3, 113))
# The domain refuses jobs: 125 ("Domain does not support specified action").
REFUSED = frozenset((125,))
IN_PROGRESS = frozenset((36, 37))
LOADED_ALREADY = frozenset((17,))
# Not now: 5 is "Input/output error" (an old job not gone yet, a disabled label, a bad plist), 119 "is disabled".
RETRIED = frozenset((5, 119)) | IN_PROGRESS

_MEANINGS = {
    3: "the job is not loaded: load it with `hermes-gateways start`",
    5: "an older job of that name is not gone yet, or the plist is refused: see `plutil -lint` of the file and "
    "`launchctl print-disabled`, then try again",
    36: "launchd still handles an earlier request: try again in a minute",
    37: "launchd still handles an earlier request: try again in a minute",
    113: "the job is not loaded in that domain: load it with `hermes-gateways start`",
    119: "the job is disabled: enable it with `hermes-gateways enable`",
    125: "that domain takes no jobs from here: log in at the screen once, or leave out sudo; "
    "the bundled manager works everywhere: `--manager supervisor`",
}
_CODE_IN_TEXT = lazy_pattern(r"\b(\d{1,3}): ")


class LaunchdJob(NamedTuple):
    """One loaded job: its pid while it runs, and how it last ended (exit code, negative for a signal)."""

    pid: int | None
    last_exit: int | None


class JobDetails(NamedTuple):
    """The values of `launchctl print` for one job; `runs` counts each start since it was loaded."""

    running: bool
    runs: int | None
    environment: dict[str, str]


def is_gone(done: Finished) -> bool:
    """Return whether launchctl reports that the job is missing, by its code or, in some releases, by text."""
    return done.code in GONE or (done.code != 0 and "could not find service" in done.complaint.lower())


def listed_jobs(text: str) -> dict[str, LaunchdJob]:
    """Return label → job from `launchctl list`: PID, status and label, by tabs."""
    found = {}
    for line in text.splitlines():
        pid, _, rest = line.partition("\t")
        status, _, label = rest.partition("\t")
        if label and (pid == "-" or pid.isdigit()):
            found[label.strip()] = LaunchdJob(_pid(pid), _exit(status))
    return found


def domain_jobs(text: str) -> dict[str, LaunchdJob]:
    """Return label → job from the table `services = {…}` of `launchctl print DOMAIN`."""
    found = {}
    for line in _section(text, "services"):
        fields = line.split()
        if len(fields) == 3 and fields[0].isdigit():
            found[fields[2]] = LaunchdJob(_pid(fields[0]), _exit(fields[1]))
    return found


def job_details(text: str) -> JobDetails:
    """Return the values of `launchctl print DOMAIN/LABEL`."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition(" = ")
        if equals and value != "{":
            values.setdefault(name.strip(), value.strip())
    pairs = (line.partition(" => ") for line in _section(text, "environment"))
    runs = values.get("runs", "")
    return JobDetails(
        "pid" in values, int(runs) if runs.isdigit() else None, {name.strip(): value for name, _, value in pairs}
    )


def disabled_labels(text: str) -> set[str]:
    """Return the labels that `launchctl print-disabled` calls disabled (`true` before macOS 13)."""
    return set(re.findall(r'"([^"]+)" => (?:disabled|true)\b', text))


def explain(verb: str, target: str, done: Finished) -> str:
    """Return the message for a failed launchctl command, with the command that fixes it."""
    reason = done.complaint
    in_text = _CODE_IN_TEXT.search(reason)
    meaning = _MEANINGS.get(done.code) or (_MEANINGS.get(int(in_text[1])) if in_text else None)
    return f"`launchctl {verb} {target}` failed with {done.code}: {reason}" + (f"; {meaning}" if meaning else "")


def _section(text: str, name: str) -> list[str]:
    """Return the lines of `name = { … }`, the first of that name."""
    found: list[str] = []
    end = None
    for line in text.splitlines():
        if end is None:
            if line.strip() == f"{name} = {{":
                end = line[: len(line) - len(line.lstrip())] + "}"
        elif line.rstrip() == end:
            break
        else:
            found.append(line)
    return found


def _pid(text: str) -> int | None:
    return int(text) if text.isdigit() and int(text) > 0 else None


def _exit(text: str) -> int | None:
    """Return an exit code from the status column: `-` (never ended), negative for a signal, or a raw wait status."""
    if not re.fullmatch(r"-?\d+", text):
        return None
    status = int(text)
    return status >> 8 if status >= 256 else status
