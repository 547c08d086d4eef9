"""The answer to a TAB: names that only the disk knows. Nothing is written, nothing is said but candidates.

Asked as `hermes-profiles __complete SHELL KIND [WORD...]`: the words after the command, as the shell has them, the one
at the cursor last. A person waits at a prompt, so nothing is imported here but what Python has loaded already, and
files are read by hand: model/layout.py, gateways/processes.py and changes/ know the same with care and proofs; here
a guess that is right nearly always is enough, for nothing is done with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator

from hermes_profiles.hermes.environment import HERMES_HOME

# A candidate and what to say of it.
Word = tuple[str, str]
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
# What a shell can hold without quotes; other names (a group can have any) are left out.
_PLAIN = _LETTERS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ.+@%/=,:")
_LARGEST, _SHORT = 64 * 1024, 4096
_MOST = 50
RUNNING, STOPPED = "running", "stopped"


class CompletionRequest:
    """What is asked: `before` are the words that stand on the line already, `current` the one at the cursor.

    A plain class: the import of typing would take longer than the answer.
    """

    __slots__ = ("before", "current", "proc", "root")

    def __init__(self, root: str, before: tuple[str, ...], current: str, proc: str) -> None:
        self.root, self.before, self.current, self.proc = root, before, current, proc


def answer(arguments: Iterable[str], *, proc: str = "/proc") -> str:
    """Return the candidates for a shell, one on a line; "" for all that cannot be understood."""
    try:
        shell, kind, *line = arguments
        words = [_unquoted(word, shell) for word in line] or [""]
        root = _root(words, shell)
        ask = _KINDS.get(kind)
        if ask is None or root is None:
            return ""
        current = words[-1] if words[-1] is not None else line[-1]
        question = CompletionRequest(root, tuple(word for word in words[:-1] if word), current, proc)
        found = [word for word in ask(question) if _PLAIN.issuperset(word[0])]
    except (OSError, ValueError, IndexError):
        return ""
    return _written(found, shell, current, prefers=kind)


def _written(found: list[Word], shell: str, current: str, *, prefers: str) -> str:
    if shell == "zsh":
        texts = [(text.replace(":", "\\:"), about) for text, about in found]
        lines = [f"{text}:{about}" if about else text for text, about in texts]
    elif shell == "fish":
        lines = [f"{text}\t{about}" if about else text for text, about in found]
    else:  # bash shows no descriptions, so it gets those that are meant, when there are any
        begun = [word for word in found if word[0].startswith(current)]
        lines = [text for text, about in begun if about.startswith(prefers)] or [text for text, _ in begun]
    return "".join(f"{line}\n" for line in lines)


def _unquoted(word: str, shell: str) -> str | None:
    """Return what a word stands for, as far as that can be told without running anything; None for `$(...)`."""
    if shell == "fish":  # it has taken its quotes off already
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
    """Return the name after a `$` and where it ends; None for what is more than a name."""
    end = at + (word[at : at + 1] == "{")
    begin = end
    while end < len(word) and (word[end].isalnum() or word[end] == "_"):
        end += 1
    name = word[begin:end]
    if begin > at:
        return (name, end + 1) if word[end : end + 1] == "}" and name else (None, end)
    return (name or None), end


def _root(words: list[str | None], shell: str) -> str | None:
    """Return the root that the command would work on (model/layout.py has the rule), None when that cannot be told."""
    user = os.environ.get("HOME") or os.path.expanduser("~")
    given: str | None = os.environ.get(HERMES_HOME, "").strip()
    for at, word in enumerate(words[:-1]):
        if word is not None and word.startswith("--home="):
            given = word.partition("=")[2]
        elif word == "--home" and at + 2 < len(words):
            given = words[at + 1]
        else:
            continue
        if not given:
            return None
        if shell == "fish" and "$" in given and not os.path.isdir(given):  # it leaves variables as they are
            given = os.path.expandvars(given)
    if not given:
        return None if given is None else f"{user}/.hermes"
    if given == "~" or given.startswith("~/"):
        given = f"{user}{given[1:]}"
    home = os.path.normpath(os.path.join(os.getcwd(), given))
    above = os.path.dirname(home)
    return os.path.dirname(above) if os.path.basename(above) == "profiles" else home


def _profiles(question: CompletionRequest) -> list[Word]:
    """Return the profiles that are not on the line yet."""
    return [(name, "") for name in _names(question.root) if name not in question.before]


def _named(question: CompletionRequest) -> list[Word]:
    return [word for word in _profiles(question) if word[0] != "default"]


def _members(question: CompletionRequest) -> list[Word]:
    """Return the profiles that can go into a group, which may have the name of one."""
    return _profiles(CompletionRequest(question.root, question.before[1:], question.current, question.proc))


def _lists(question: CompletionRequest) -> list[Word]:
    """Return the names that can follow in a list with commas, each with what stands before it."""
    given, comma, _ = question.current.rpartition(",")
    taken, names = {*question.before, *given.split(",")}, _names(question.root)
    names = ["all", *names] if names else []
    return [(f"{given}{comma}{name}", "") for name in names if name not in taken]


def _owners(question: CompletionRequest) -> list[Word]:
    channel = question.current.partition("=")[0]
    return [(f"{channel}={name}", "") for name in _names(question.root)]


def _gateways(question: CompletionRequest) -> list[Word]:
    """Return the profiles with the state of their gateways."""
    names = [name for name, _ in _profiles(question)]
    states = _states(question.root, names, question.proc)
    return [(name, states[name]) for name in names]


def _running(question: CompletionRequest) -> list[Word]:
    return sorted(_gateways(question), key=lambda word: not word[1].startswith(RUNNING))


def _stopped(question: CompletionRequest) -> list[Word]:
    return sorted(_gateways(question), key=lambda word: word[1].startswith(RUNNING))


def _groups(question: CompletionRequest) -> list[Word]:
    members: dict[str, list[str]] = {}
    for name in _names(question.root):
        for group in _groups_in(_text(f"{_home(question.root, name)}/profile.yaml")):
            members.setdefault(group, []).append(name)
    return [(group, ", ".join(members[group])) for group in sorted(members)]


def _teams(question: CompletionRequest) -> list[Word]:
    """Return the teams and who leads them (teams/model.py)."""
    found: dict[str, Word] = {}
    for name in _names(question.root):
        for team in _below("teams", _text(f"{_home(question.root, name)}/profile.yaml")):
            found.setdefault(team, (team, f"led by {name}"))
    return [found[team] for team in sorted(found)]


def _channels(_: CompletionRequest) -> list[Word]:
    """Return the channels that the user's catalog.toml adds; the others are in the script."""
    folder = os.environ.get("XDG_CONFIG_HOME", "").strip() or f"{os.environ.get('HOME', '')}/.config"
    if sys.platform == "darwin":
        folder = f"{os.environ.get('HOME', '')}/Library/Application Support"
    found = {}
    for line in _text(f"{folder}/hermes-profiles/catalog.toml").splitlines():
        if line.startswith("[channels."):
            name = line[10:].partition("]")[0].strip("\"' ").partition(".")[0]
            if name and _LETTERS.issuperset(name):
                found[name] = (name, "of your catalog.toml")
    return list(found.values())


def _trash(question: CompletionRequest) -> list[Word]:
    """Return the ids of what is in the trash, newest first."""
    return [(folder, about) for folder, _, about, _ in _trashed(question.root)][:_MOST]


def _restorable(question: CompletionRequest) -> list[Word]:
    """Return the names of deleted profiles, then the ids of files that were taken out of profiles."""
    entries = list(_trashed(question.root))[:_MOST]
    names = {name: (name, about) for _, name, about, is_profile in reversed(entries) if is_profile}
    return [*reversed(names.values()), *((folder, about) for folder, _, about, whole in entries if not whole)]


def _changes(question: CompletionRequest) -> list[Word]:
    """Return the ids of the changes that can be undone, newest first, and what each did."""
    folder = f"{question.root}/profiles/.hermes-profiles/journal"
    found: list[Word] = []
    for file in sorted(_listed(folder), reverse=True):
        if len(found) == _MOST:
            break
        text = _text(f"{folder}/{file}") if file.endswith(".json") and _is_id(file[:-5]) else ""
        if '"status": "done"' in text:
            found.append((file[:-5], _quoted(text, "summary")))
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
    "channel": _channels,
    "login": _channels,
    "trash": _trash,
    "trashed": _restorable,
    "change": _changes,
}


def _names(root: str) -> list[str]:
    """Return the profiles of a root (profiles/listing.py)."""
    try:
        with os.scandir(f"{root}/profiles") as scan:
            found = sorted(entry.name for entry in scan if _is_name(entry.name) and _is_folder(entry))
    except OSError:
        found = []
    return ["default", *found] if os.path.isdir(root) else []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_name(name: str) -> bool:
    return name[:1] not in "_-" and len(name) <= 64 and name != "default" and _LETTERS.issuperset(name)


def _home(root: str, name: str) -> str:
    return root if name == "default" else f"{root}/profiles/{name}"


def _states(root: str, names: Iterable[str], proc: str) -> dict[str, str]:
    """Return what to say of each gateway: the files it wrote about itself and the process table tell; no manager is
    asked."""
    records = {name: _record(_text(f"{_home(root, name)}/gateway.pid", _SHORT)) for name in names}
    if os.path.isdir(f"{proc}/self"):
        alive = {name for name, record in records.items() if record and _is_alive(_home(root, name), record, proc)}
    else:
        shown = _shown_by_ps([record[0] for record in records.values() if record])
        alive = {name for name, record in records.items() if record and record[0] in shown}
    # One gateway may serve all profiles: then nothing is known of those that have none of their own.
    others = "" if "multiplex_profiles" in _text(f"{root}/config.yaml") else STOPPED
    return {
        name: f"{RUNNING}, pid {record[0]}" if record and name in alive else others for name, record in records.items()
    }


def _record(text: str) -> tuple[str, str] | None:
    """Return (pid, start time) of a pid file, the time "" when it has none (gateways/hermes_files.py)."""
    pid = text.strip() if text.strip().isdecimal() else _number(text, "pid")
    return (pid, _number(text, "start_time")) if pid.strip("0") else None


def _is_alive(home: str, record: tuple[str, str], proc: str) -> bool:
    pid, started = record
    fields = _text(f"{proc}/{pid}/stat", _SHORT).rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX" or started not in ("", fields[19]):
        return False
    if not started and "gateway" not in _text(f"{proc}/{pid}/cmdline", _SHORT):
        return False
    # A home that was copied has the pid file, too.
    given = f"\0{_text(f'{proc}/{pid}/environ')}".partition("\0HERMES_HOME=")[2].partition("\0")[0]
    return "/profiles/" not in given or given == home or os.path.realpath(given) == os.path.realpath(home)


def _shown_by_ps(pids: list[str]) -> set[str]:
    """Return which of these processes are gateways, where there is no /proc."""
    if not pids:
        return set()
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    streams = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    command = ["ps", "-ww", "-o", "pid=,command=", "-p", ",".join(pids)]
    child = os.posix_spawnp("ps", command, dict(os.environ), file_actions=streams)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as output:
        lines = output.read().splitlines()
    os.waitpid(child, 0)
    return {line.split()[0] for line in lines if "gateway" in line and line.split()}


def _groups_in(text: str) -> Iterator[str]:
    """Yield the groups that a profile.yaml names, in the two ways they are written: a mapping or a list."""
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith("groups:"):
            continue
        rest = line[7:].partition(" #")[0].strip()
        if rest:
            yield from filter(None, map(_group, rest.strip("{}[]").split(",")))
            return
        for below in lines:
            if below.strip() and not below.startswith((" ", "-")):
                return
            group = _group(below.strip().removeprefix("-"))
            if group:
                yield group


def _below(section: str, text: str) -> Iterator[str]:
    """Yield the keys of a section of profile.yaml, as they are written there: one on a line, all as far in."""
    depth = -1
    for line in f"\n{text}".partition(f"\n{section}:\n")[2].splitlines():
        bare = line.lstrip(" ")
        if bare[:1] in ("", "#"):
            continue
        if bare == line:
            return
        depth = len(line) - len(bare) if depth < 0 else depth
        if depth == len(line) - len(bare) and ":" in bare:
            yield bare.partition(":")[0].strip("\"'")


def _group(text: str) -> str:
    """Return the group of `name`, `name: true`; "" of `name: false` and of a comment."""
    name, _, member = text.partition(" #")[0].strip().partition(":")
    is_out = member.strip().lower() in ("false", "no", "off", "0", "null", "~")
    return "" if is_out or name.startswith("#") else name.strip().strip("\"'")


def _trashed(root: str) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (id, name, what to say, whether it is a whole profile) of what is in the trash, newest first."""
    trash = f"{root}/profiles/.hermes-profiles/trash"
    for folder in sorted(_listed(trash), reverse=True):
        if not _is_id(folder[:21]) or not (_is_name(folder[22:]) or folder[22:] == "default"):
            continue
        day = f"{folder[:4]}-{folder[4:6]}-{folder[6:8]} {folder[9:11]}:{folder[11:13]}"
        whole = os.path.isdir(f"{trash}/{folder}/home")
        yield folder, folder[22:], f"{'deleted' if whole else f'files of {folder[22:]},'} {day} UTC", whole


def _is_id(text: str) -> bool:
    return len(text) == 21 and text[8] == "T" and text[15:17] == "Z-"


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _text(path: str, most: int = _LARGEST) -> str:
    """Return the first part of a regular file, "" when there is none; a FIFO must not hold up the prompt."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return ""
    try:
        return os.read(descriptor, most).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _number(text: str, key: str) -> str:
    """Return the digits of a whole number in JSON, "" when it is not there."""
    value = text.partition(f'"{key}":')[2].lstrip()
    return value[: len(value) - len(value.lstrip("0123456789"))]


def _quoted(text: str, key: str) -> str:
    """Return a short text in JSON, "" when it is not there or holds what would have to be decoded."""
    value = text.partition(f'"{key}": "')[2].partition('"')[0]
    return value if len(value) <= 120 and "\\" not in value and value.isprintable() else ""
