"""Completion candidates from the disk: profiles, groups, teams, trash, changes, states of gateways.

A completion script runs `hermes-profiles __complete SHELL KIND [WORD...]`: the words after the command, the one at the
cursor last. The answer comes from the modules that the commands use. Each is imported by the kind that needs it: a
person waits at the prompt. Nothing is written, and nothing but candidates is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.operations.context import layout_with_facts
from hermes_profiles.profiles.listing import profile_names

# A candidate and its description.
Word = tuple[str, str]
# Characters that need no quotes in a shell. Other names are left out: a group can have any name.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+@%/=,:")
_MOST = 50
_LONGEST_SUMMARY = 120
RUNNING, STOPPED = "running", "stopped"


class CompletionRequest(NamedTuple):
    """The request: `before`, the words of the line before the cursor; `current`, the word at the cursor."""

    layout: Layout
    before: tuple[str, ...]
    current: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the profiles of the root."""
        return profile_names(self.layout)


def answer(arguments: Iterable[str]) -> str:
    """Return the candidates for a shell, one a line; "" for a request that cannot be understood."""
    from hermes_profiles.model.errors import HermesProfilesError

    try:
        shell, kind, *line = arguments
        words = [_unquoted(word, shell) for word in line] or [""]
        layout = _layout(words, shell)
        candidates = _KINDS.get(kind)
        if candidates is None or layout is None:
            return ""
        current = words[-1] if words[-1] is not None else line[-1]
        request = CompletionRequest(layout, tuple(word for word in words[:-1] if word), current)
        found = [word for word in candidates(request) if _PLAIN.issuperset(word[0])]
        if kind in _FREE:
            found = _without_secrets(found, layout)
    except (HermesProfilesError, OSError, ValueError, IndexError):
        return ""
    return _written(found, shell, current, prefers=kind)


def _without_secrets(found: list[Word], layout: Layout) -> list[Word]:
    """Return the candidates without those that contain a secret, and without such descriptions."""
    from hermes_profiles.profiles.known_secrets import KnownSecrets
    from hermes_profiles.profiles.plugin_channels import catalog_for

    secrets = KnownSecrets(layout, catalog_for(layout, os.environ, problems=[]), os.environ)
    if not secrets.near("\n".join(f"{text}\n{about}" for text, about in found)):
        return found
    return [(text, "" if secrets.near(about) else about) for text, about in found if not secrets.near(text)]


def _written(found: list[Word], shell: str, current: str, *, prefers: str) -> str:
    if shell == "zsh":
        texts = [(text.replace(":", "\\:"), about) for text, about in found]
        lines = [f"{text}:{about}" if about else text for text, about in texts]
    elif shell == "fish":
        lines = [f"{text}\t{about}" if about else text for text, about in found]
    else:  # bash shows no descriptions: it gets the preferred candidates, if any
        begun = [word for word in found if word[0].startswith(current)]
        lines = [text for text, about in begun if about.startswith(prefers)] or [text for text, _ in begun]
    return "".join(f"{line}\n" for line in lines)


def _unquoted(word: str, shell: str) -> str | None:
    """Return the value of a quoted word; None where the shell would run a command, as in `$(...)`."""
    if shell == "fish":  # fish passes words without quotes
        return word
    out, quote, at = [], "", 0
    while at < len(word):
        letter, at = word[at], at + 1
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        elif letter == "\\" and quote != "'" and at < len(word):
            out.append(word[at] if not quote or word[at] in '$`"\\' else letter + word[at])
            at += 1
        elif letter == "`" and quote != "'":
            return None
        elif letter == "$" and quote != "'":
            name, at = _variable(word, at)
            if name is None:
                return None
            out.append(os.environ.get(name, ""))
        else:
            out.append(letter)
    return "".join(out)


def _variable(word: str, at: int) -> tuple[str | None, int]:
    """Return the name after a `$` and its end; None for more than a name."""
    end = at + (word[at : at + 1] == "{")
    begin = end
    while end < len(word) and (word[end].isalnum() or word[end] == "_"):
        end += 1
    name = word[begin:end]
    if begin > at:
        return (name, end + 1) if word[end : end + 1] == "}" and name else (None, end)
    return (name or None), end


def _layout(words: list[str | None], shell: str) -> Layout | None:
    """Return the layout that the command would use; None when `--home` has no certain value."""
    user = Path(os.environ.get("HOME") or os.path.expanduser("~"))
    given: str | None = None
    for at, word in enumerate(words[:-1]):
        if word is not None and word.startswith("--home="):
            given = word.partition("=")[2]
        elif word == "--home" and at + 2 < len(words):
            given = words[at + 1]
        else:
            continue
        if not given:
            return None
        if shell == "fish" and "$" in given and not os.path.isdir(given):  # fish passes variables as they are
            given = os.path.expandvars(given)
    environment = {HERMES_HOME: os.environ.get(HERMES_HOME, ""), "PWD": os.getcwd()}
    layout = Layout.from_environment(environment, user_home=user, platform=sys.platform, home=given)
    return layout_with_facts(layout, os.environ)


def _profiles(request: CompletionRequest) -> list[Word]:
    """Return the profiles that are not on the line yet."""
    return [(name, "") for name in request.names if name not in request.before]


def _named(request: CompletionRequest) -> list[Word]:
    return [word for word in _profiles(request) if word[0] != DEFAULT]


def _members(request: CompletionRequest) -> list[Word]:
    """Return the profiles for a group; the first word of the line is the group, which can have the name of one."""
    return _profiles(request._replace(before=request.before[1:]))


def _lists(request: CompletionRequest) -> list[Word]:
    """Return the names that can follow in a list with commas, each with the list before it."""
    given, comma, _ = request.current.rpartition(",")
    taken, names = {*request.before, *given.split(",")}, request.names
    return [(f"{given}{comma}{name}", "") for name in (("all", *names) if names else ()) if name not in taken]


def _owners(request: CompletionRequest) -> list[Word]:
    channel = request.current.partition("=")[0]
    return [(f"{channel}={name}", "") for name in request.names]


def _gateways(request: CompletionRequest) -> list[Word]:
    """Return the profiles with the states of their gateways, from pid files and the process table alone."""
    from hermes_profiles.gateways.hermes_files import pid_record
    from hermes_profiles.gateways.host.topology import multiplexing_asked
    from hermes_profiles.gateways.observe import SystemContext, match_process
    from hermes_profiles.gateways.processes import processes_of

    layout = request.layout
    system = SystemContext(layout, None, processes_of(layout.platform))
    # Under a multiplexer nothing is known of a profile without a process of its own.
    others = "" if multiplexing_asked(layout.root, {}) else STOPPED
    found = []
    for name, _ in _profiles(request):
        home = layout.home(name)
        match = match_process(home, system, pid_record(home))
        unverified = match.unverified
        process = match.process or (unverified if unverified is not None and unverified.is_gateway else None)
        found.append((name, f"{RUNNING}, pid {process.pid}" if process is not None else others))
    return found


def _running(request: CompletionRequest) -> list[Word]:
    return sorted(_gateways(request), key=lambda word: not word[1].startswith(RUNNING))


def _stopped(request: CompletionRequest) -> list[Word]:
    return sorted(_gateways(request), key=lambda word: word[1].startswith(RUNNING))


def _groups(request: CompletionRequest) -> list[Word]:
    """Return the groups and their members."""
    from hermes_profiles.profiles.profile import read_meta

    members: dict[str, list[str]] = {}
    for name in request.names:
        for group in read_meta(request.layout.home(name))[1]:
            members.setdefault(group, []).append(name)
    return [(group, ", ".join(members[group])) for group in sorted(members)]


def _teams(request: CompletionRequest) -> list[Word]:
    """Return the teams and their leads."""
    from hermes_profiles.teams.model import read_teams

    teams = read_teams(request.layout).by_name
    return [(name, f"led by {teams[name].lead}") for name in sorted(teams) if teams[name].lead]


def _alerts(request: CompletionRequest) -> list[Word]:
    """Return the destinations of alerts and what each of them is."""
    from hermes_profiles.alerts.files import read_destinations

    return [(name, str(each.kind)) for name, each in sorted(read_destinations(request.layout).items())]


def _places(request: CompletionRequest) -> list[Word]:
    """Return the places that were added and what each of them is."""
    from hermes_profiles.places.file import read_places

    found = sorted(read_places(os.environ).items())
    return [(name, f"{each.kind}, {each.address}") for name, each in found if name not in request.before]


def _all_places(request: CompletionRequest) -> list[Word]:
    return [("all", ""), ("local", ""), *_places(request)]


def _channels(_: CompletionRequest) -> list[Word]:
    """Return the channels of the user's catalog.toml; the others are in the script."""
    from hermes_profiles.profiles.plugin_channels import user_additions

    additions = user_additions(os.environ)
    return [(channel.name, "of your catalog.toml") for channel in (additions.channels if additions else ())]


def _trash(request: CompletionRequest) -> list[Word]:
    """Return the ids of the entries in the trash, newest first."""
    return [(entry, about) for entry, _, about, _ in _trashed(request)]


def _restorable(request: CompletionRequest) -> list[Word]:
    """Return the names of deleted profiles, then the ids of files from profiles, newest first."""
    entries = _trashed(request)
    names = {name: (name, about) for _, name, about, is_profile in reversed(entries) if is_profile}
    return [*reversed(names.values()), *((entry, about) for entry, _, about, is_profile in entries if not is_profile)]


def _trashed(request: CompletionRequest) -> list[tuple[str, str, str, bool]]:
    """Return (id, profile, description, whether it is a whole profile) of the newest entries of the trash."""
    from hermes_profiles.changes.trash import trash_entries

    found = []
    for entry in trash_entries(request.layout)[:_MOST]:
        if entry.name != DEFAULT and not is_profile_folder_name(entry.name):
            continue
        day = f"{entry.id[:4]}-{entry.id[4:6]}-{entry.id[6:8]} {entry.id[9:11]}:{entry.id[11:13]}"
        what = "deleted" if entry.kind == "profile" else f"files of {entry.name},"
        found.append((entry.id, entry.name, f"{what} {day} UTC", entry.kind == "profile"))
    return found


def _changes(request: CompletionRequest) -> list[Word]:
    """Return the ids and summaries of the newest changes that can be undone."""
    from hermes_profiles.changes.journal import Journal, Status

    journal = Journal(request.layout.state)
    found: list[Word] = []
    for change_id in reversed(journal.ids()):
        entry = journal.load(change_id)
        if entry is not None and entry.status is Status.DONE:
            is_short = len(entry.summary) <= _LONGEST_SUMMARY and entry.summary.isprintable()
            found.append((change_id, entry.summary if is_short else ""))
        if len(found) == _MOST:
            break
    return found


_KINDS: dict[str, Callable[[CompletionRequest], list[Word]]] = {
    "profile": _profiles,
    "named": _named,
    "member": _members,
    "profiles": _lists,
    "owner": _owners,
    "gateway": _gateways,
    RUNNING: _running,
    STOPPED: _stopped,
    "group": _groups,
    "team": _teams,
    "alert": _alerts,
    "place": _places,
    "places": _all_places,
    "channel": _channels,
    "login": _channels,
    "trash": _trash,
    "trashed": _restorable,
    "change": _changes,
}
# The kinds whose candidates or descriptions people choose freely, so that they can be a secret.
_FREE = frozenset({"alert", "place", "places", "group", "team", "channel", "login", "change"})
