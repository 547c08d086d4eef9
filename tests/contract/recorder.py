"""Runs the commands of a scenario and records their answers, exit codes and changed files.

The package is not imported here: every command is a child of `forked_commands.py`. `compare` returns the differences
between two records. A new key of an object is not a difference, because the command contract allows new keys.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import select
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PROGRAMS = {"p": "hermes_profiles.cli", "g": "hermes_profiles.cli.gateways"}
PROSE = "<prose>"
# Values of these keys are sentences. Their presence is recorded, their wording is not.
_PROSE_KEYS = frozenset({
    "message", "hint", "text", "detail", "reason", "why", "next_steps", "title", "summary", "note", "warnings", "log",
    "disagreement", "limits", "doubts", "enable_note",
})  # fmt: skip
# Values of these keys vary between two runs. A null stays a null.
_VARYING_KEYS = frozenset({
    "pid", "owner_pid", "at", "uptime_s", "rss_bytes", "open_files", "open_files_limit", "since", "inode", "mtime_ns",
    "uid", "gid", "size", "root_inode",
})  # fmt: skip
_CHOSEN_PORTS = range(8643, 8800)
# Files that a daemon or a gateway changes at any time: not recorded, or recorded without their content.
_UNSEEN = re.compile(
    r"(tmp|run|fake|pycache)(/.*)?|.*/supervisor/(supervisord\.log.*|supervisord\.pid|socket|daemon\.lock|lock)"
    r"|.*/gateway\.(lock|pid)|.*/gateway_state\.json|.*/starts|.*\.draft|.*/\.gateway-planned-stop\.json.*"
)
_OPAQUE = re.compile(r".*/logs/.*\.log|.*\.db|.*/lock|.*/profiles/\.hermes-profiles/(?:fingerprint\.key|events/.*)")
_LARGEST = 6000
_FORKING = Path(__file__).with_name("forked_commands.py")
_DEADLINE = 120.0


class Step(NamedTuple):
    """A command, or a change by hand (`program` is "!"). `show`: "json", "lines" (of JSON), "text" or "code"."""

    line: str
    program: str
    arguments: tuple[str, ...]
    show: str
    stdin: str | None
    environment: Mapping[str, str]


def parse_step(line: str) -> Step:
    """Return the step of a line: `[@NAME=VALUE…] PROGRAM ARGUMENT… [<< STDIN]`.

    PROGRAM is `p` (hermes-profiles) or `g` (hermes-gateways), and `--json` is added. `p-` omits `--json` and records
    the text. `p?` omits `--json` and records the exit code alone. `p*` prints one JSON object a line. `!` changes a
    file by hand.
    """
    text, marker, stdin = line.partition(" << ")
    first, *words = shlex.split(text)
    environment = {}
    while first.startswith("@"):
        name, _, value = first[1:].partition("=")
        environment[name] = value
        first, *words = words
    show = {"-": "text", "?": "code", "*": "lines"}.get(first[1:], "json")
    if show in ("json", "lines") and first != "!":
        place = words.index("--") if "--" in words else len(words)
        words.insert(place, "--json")
    typed = stdin.encode().decode("unicode_escape") if marker else None
    return Step(line, first[0], tuple(words), show, typed, environment)


def parse_steps(text: str) -> list[Step]:
    """Return the steps of a scenario, one per line; a line that begins with `#` is a comment."""
    lines = (line.strip() for line in text.splitlines())
    return [parse_step(line) for line in lines if line and not line.startswith("#")]


class Sandbox:
    """One user's home and environment. `code` is the value of PYTHONPATH for its commands."""

    def __init__(self, home: Path, *, python: str = sys.executable, code: str) -> None:
        self.home, self.python, self.code = home, python, code
        self.names = _Normaliser(home, python, code)
        for folder in ("tmp", "run", "fake"):
            (home / folder).mkdir(mode=0o700)
        self.environment = {
            "HOME": str(home), "PATH": str(home / "fake"), "TZ": "UTC", "COLUMNS": "80", "NO_COLOR": "1",
            "LANG": "C.UTF-8", "SHELL": "/bin/bash", "HERMES_PROFILES_MANAGER": "supervisor",
            "XDG_RUNTIME_DIR": str(home / "run"), "TMPDIR": str(home / "tmp"), "PYTHONPATH": code,
            "PYTHONWARNINGS": "error",
        }  # fmt: skip
        if "PYTHONPYCACHEPREFIX" in os.environ:
            self.environment["PYTHONPYCACHEPREFIX"] = os.environ["PYTHONPYCACHEPREFIX"]
        self._channels = tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp")
        self._forking: subprocess.Popen[str] | None = None

    def start(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str], stdin: str | None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end and return the finished process."""
        if self._forking is None:
            self._forking = subprocess.Popen(
                [self.python, str(_FORKING)], env=self.environment, cwd=self.home, umask=0o022,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        lines, codes = self._forking.stdin, self._forking.stdout
        assert lines is not None and codes is not None
        files = {name: Path(self._channels.name) / name for name in ("stdin", "stdout", "stderr")}
        files["stdin"].write_text(stdin or "")
        asked = {
            "module": PROGRAMS.get(program, program), "arguments": list(arguments),
            "environment": {**self.environment, **environment}, **{name: str(path) for name, path in files.items()},
        }  # fmt: skip
        print(json.dumps(asked), file=lines, flush=True)
        assert select.select([codes], [], [], _DEADLINE)[0], f"{arguments} did not end within {_DEADLINE} s"
        code = int(codes.readline())
        return subprocess.CompletedProcess(arguments, code, files["stdout"].read_bytes(), files["stderr"].read_bytes())

    def record(self, step: Step) -> dict[str, Any]:
        """Run a step and return its record."""
        arguments = [self.names.real(word) for word in step.arguments]
        if step.program == "!":
            _by_hand(self.home, arguments)
            return {"run": step.line}
        before = _picture(self.home)
        environment = {name: self.names.real(value) for name, value in step.environment.items()}
        done = self.start(step.program, arguments, environment, step.stdin)
        after = _picture(self.home)
        self.names.learn(after)
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        found: dict[str, Any] = {"run": step.line, "exit": done.returncode}
        out = done.stdout.decode()
        if step.show == "json" and not out.strip().startswith("{"):
            raise AssertionError(f"no JSON from {step.line}: {done}")
        if step.show == "json":
            found["answer"] = self.names.answer(json.loads(out))
        elif step.show == "lines":
            found["lines"] = [self.names.answer(json.loads(line)) for line in out.splitlines()]
        elif step.show == "text":
            found["text"] = self.names.text(out).splitlines()
        files = self._changes(before, after)
        if files:
            found["files"] = files
        return found

    def _changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
        found = {}
        for path in sorted(changed, key=self.names.sortable):
            entry = after.get(path)
            found[self.names.text(path)] = "gone" if entry is None else self._entry(path, entry)
        return found

    def _entry(self, path: str, entry: tuple[str, int, bytes]) -> Any:
        kind, mode, content = entry
        if kind == "link":
            return f"link {self.names.text(os.fsdecode(content))}"
        head = f"{kind} {mode:04o}"
        if kind != "file" or _OPAQUE.fullmatch(path):
            return head
        if "/.hermes-profiles/" in path and path.endswith((".json", ".old")) and content.startswith(b"{"):
            with contextlib.suppress(ValueError):
                return {"is": head, "json": self.names.answer(json.loads(content))}
        try:
            text = self.names.text(content.decode())
        except UnicodeDecodeError:
            text = self.names.text(content.decode("latin-1"))
        return {"is": head, "content": text}

    def end(self) -> None:
        """End the processes that the commands started: the supervisor daemon and its gateways."""
        if self._forking is not None:
            with self._forking:
                self._forking.kill()
            self._forking = None
        self._channels.cleanup()
        for sent in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 5
            pids = list(_processes_of(self.home))
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sent)
            while pids and list(_processes_of(self.home)) and time.monotonic() < deadline:
                time.sleep(0.05)


class _Normaliser:
    """Replaces values that differ between two runs by placeholders; equal values get equal placeholders."""

    def __init__(self, home: Path, python: str, code: str) -> None:
        self._ids: dict[str, str] = {}
        program = os.path.join(os.path.dirname(python), "hermes-profiles")
        known = {
            str(home): "<home>", os.path.realpath(home): "<home>", python: "<python>", code: "<code>",
            program: "<bin>/hermes-profiles",
        }  # fmt: skip
        self._places = sorted(known.items(), key=lambda pair: -len(pair[0]))
        self._home = str(home)

    def real(self, text: str) -> str:
        """Return an argument with the values of its placeholders, such as `<home>` and `<id3>`."""
        for name, placeholder in self._ids.items():
            text = text.replace(placeholder, name[:_ID_LENGTH])
        return text.replace("<home>", self._home)

    def sortable(self, path: str) -> str:
        """Return a sort key of a path that is equal in every run: all new ids compare equal."""
        return _ID.sub(lambda match: self._ids.get(match[0], "<~>"), path)

    def text(self, text: str) -> str:
        """Return a text with placeholders."""
        for place, placeholder in self._places:
            text = text.replace(place, placeholder)
        for now, before in _MOVED.items():
            text = text.replace(now, before)
        text = _ID.sub(self._numbered, text)
        for pattern, replacement in _REPLACED:
            text = pattern.sub(replacement, text)
        return text

    def _numbered(self, match: re.Match[str]) -> str:
        """Return the placeholder of an id.

        The name of the profile follows the id of a trash entry. Such ids are counted apart, because an entry and a
        change of the same second can have the same id. The id in a dry run has no number: the same id can be used
        afterwards.
        """
        if match[1]:
            return self._ids.get(match[0], "<trash>") + match[1]
        return self._ids.setdefault(match[0], self._next("id"))

    def learn(self, paths: Iterable[str]) -> None:
        """Number the entries that are in the trash."""
        for path in sorted(paths):
            for match in _ID.finditer(path):
                if match[1]:
                    self._ids.setdefault(match[0], self._next("trash"))

    def _next(self, kind: str) -> str:
        return f"<{kind}{sum(each.startswith(f'<{kind}') for each in self._ids.values()) + 1}>"

    def answer(self, value: Any, key: str = "", parent: Mapping[str, Any] | None = None) -> Any:
        """Return a JSON value with placeholders, also for its sentences."""
        if isinstance(value, dict):
            return {self.text(name): self.answer(each, name, value) for name, each in value.items()}
        if isinstance(value, list):
            if key in ("next_steps", "limits") and value:
                return PROSE
            return [self.answer(each, key, parent) for each in value]
        if key == "value" and parent is not None and str(parent.get("name", "")).endswith("_PORT"):
            return "<port>"
        if key == "id" and str((parent or {}).get("schema")).startswith("hermes-profiles-trash"):
            return "<trash>"  # within one second an entry and a change can have the same id
        if key == "linger":  # whether this machine was booted with systemd
            return "<linger>"
        if value is None or isinstance(value, bool):
            return value
        about = parent or {}
        is_new = str(about.get("name")).endswith(("API_SERVER_KEY", "_PORT"))
        is_own = "check" in about or is_new  # of a path, of a random key, of a chosen port
        if key in _VARYING_KEYS or (key == "fingerprint" and is_own):
            return f"<{key}>"
        if key == "last_exit" and value in (0, -signal.SIGTERM):  # of a gateway that was stopped
            return "<stopped>"
        if key == "port" and value in _CHOSEN_PORTS:
            return "<port>"
        if not isinstance(value, str):
            return value
        text = self.text(value)
        is_path = text.startswith("<home>") and " " not in text
        is_file = key == "text" and parent is not None and "mode" in parent  # `print` returns whole files
        if key == "script":
            return "<script>"
        is_prose = key in _PROSE_KEYS or (key == "before" and " " in text)  # a value or a sentence
        return PROSE if is_prose and text and not is_path and not is_file else text


_ID = re.compile(r"2\d{7}T\d{6}Z-[0-9a-f]{4}(-[a-z][a-z0-9_-]*)?")
_ID_LENGTH = len("20260101T000000Z-0000")
# The configuration of the supervisor daemon is written at each start of the daemon, so it can name the new module.
# test_old_services.py shows that the former name works.
_MOVED = {"services.supervisor.rpc:make_fleet": "services.managers.supervisor_fleet:make_fleet"}
_REPLACED = (
    (re.compile(r"\b20(?!0\d|1\d|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:\+00:00|Z)?"), "<time>"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:<digest>"),
    (re.compile(r"(>sha256:|\b)[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{16}\.sock\b"), "<digest>.sock"),
    (re.compile(r"\buser@\d+\.service\b"), "user@<uid>.service"),
    (re.compile(r"^(User|Group)=.*$", re.MULTILINE), r"\1=<user>"),
    (re.compile(r"\b(USER|LOGNAME)=(\"?)[^\"\s,]+"), r"\1=\2<user>"),
    (re.compile(r"(<key>(?:USER|LOGNAME)</key>\s*<string>)[^<]*"), r"\1<user>"),
    (re.compile(r"(API_SERVER_KEY=['\"]?)(?!.*CANARY)[A-Za-z0-9_-]{20,}"), r"\1<key>"),
    (re.compile(r"\b8(?:64[3-9]|6[5-9]\d|7\d\d)\b"), "<port>"),
)


def _picture(home: Path) -> dict[str, tuple[str, int, bytes]]:
    """Return path → kind, mode, content (of a link: its target) for all recorded paths below a home."""
    found: dict[str, tuple[str, int, bytes]] = {}
    for here, folders, files in os.walk(home):
        base = os.path.relpath(here, home)
        folders[:] = [name for name in folders if not _UNSEEN.fullmatch(os.path.normpath(f"{base}/{name}"))]
        for name in (*folders, *files):
            path = os.path.normpath(f"{base}/{name}")
            if _UNSEEN.fullmatch(path):
                continue
            full = os.path.join(here, name)
            status = os.lstat(full)
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found[path] = "link", 0, os.fsencode(os.readlink(full))
            elif stat.S_ISREG(status.st_mode):
                content = b"" if _OPAQUE.fullmatch(path) else Path(full).read_bytes()
                found[path] = "file", mode, content
            else:
                found[path] = "folder" if stat.S_ISDIR(status.st_mode) else "special", mode, b""
    return found


def _by_hand(home: Path, words: Sequence[str]) -> None:
    """Change a file as a user does: `write PATH TEXT`, `append PATH TEXT`, `remove PATH`; or `wait -`."""
    verb, path, *rest = words
    target = home / path
    if verb in ("write", "append"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "w" if verb == "write" else "a") as file:
            file.write(rest[0].encode().decode("unicode_escape"))
    elif verb == "remove":
        target.unlink()
    elif verb == "wait":  # until the next second, because ids contain the time
        time.sleep(1.01 - time.time() % 1)
    else:
        raise ValueError(words)


def _processes_of(home: Path) -> Iterator[int]:
    """Yield the pid of every other process whose HOME is this home."""
    needle = b"\0HOME=" + os.fsencode(home) + b"\0"
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        try:
            seen = b"\0" + Path(f"/proc/{entry}/environ").read_bytes()
            dead = Path(f"/proc/{entry}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
        except OSError:
            continue
        if needle in seen and not dead:
            yield int(entry)


def play(root: Any, home: Path, *, python: str = sys.executable, code: str) -> list[dict[str, Any]]:
    """Build a root in an empty home, run its steps and return their records."""
    sandbox = Sandbox(home, python=python, code=code)
    before = os.umask(0o022)
    try:
        root.build(home)
    finally:
        os.umask(before)
    try:
        return [sandbox.record(step) for step in parse_steps(root.steps)]
    finally:
        sandbox.end()


# -- the stored form


def store(records: list[dict[str, Any]]) -> str:
    """Return the records as text. Each content of a file is stored once, under its digest."""
    contents: dict[str, list[str]] = {}
    slim = [_slimmed(record, contents) for record in records]
    return _written({"commands": slim, "contents": dict(sorted(contents.items()))}, 0) + "\n"


def _slimmed(record: dict[str, Any], contents: dict[str, list[str]]) -> dict[str, Any]:
    if "files" not in record:
        return record
    files = {}
    for path, entry in record["files"].items():
        if isinstance(entry, dict) and "content" in entry:
            text = entry["content"]
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            if len(text) <= _LARGEST:
                contents[digest] = text.split("\n")
            entry = f"{entry['is']} {digest}"
        files[path] = entry
    return {**record, "files": files}


def _written(value: Any, depth: int, width: int = 150) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(line) + depth <= width:
        return line
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_written(each, depth + 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * depth + "}"
    return "[\n" + ",\n".join(pad + _written(each, depth + 1) for each in value) + "\n" + " " * depth + "]"


# -- the comparison


def compare(recorded: str, now: str) -> list[str]:
    """Return the differences between two stored records. A new key of an object, or a new hint, is not a difference."""
    before, after = json.loads(recorded), json.loads(now)
    found: list[str] = []
    for was, is_now in zip(before["commands"], after["commands"], strict=False):
        if was["run"] != is_now["run"]:
            return [*found, f"another command: {is_now['run']} instead of {was['run']}: record again"]
        new_files = is_now.get("files", {}).keys() - was.get("files", {}).keys()
        differences = list(_different(was, is_now, ""))
        differences += [f"files/{path}: not written before" for path in sorted(new_files)]
        contents = before["contents"], after["contents"]
        found += [f"$ {was['run']}\n    {each}{_content_diff(each, *contents)}" for each in differences]
    if len(before["commands"]) != len(after["commands"]):
        found.append("another number of commands: record again")
    return found


def _different(was: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key, value in was.items():
            if key not in now:
                yield f"{place}{key}: missing, was {json.dumps(value, ensure_ascii=False)[:300]}"
            else:
                yield from _different(value, now[key], f"{place}{key}/")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _different(one, other, f"{place}{number}/")
    elif was is None and now == PROSE and place.endswith("hint/"):
        return  # a hint where there was no hint
    elif was != now or isinstance(was, bool) != isinstance(now, bool):
        texts = [json.dumps(each, ensure_ascii=False) for each in (was, now)]
        pairs = enumerate(zip(*texts, strict=False))
        same = next((number for number, (one, other) in pairs if one != other), 0) if len(texts[0]) > 300 else 0
        shown = [("…" if same > 80 else "") + each[max(0, same - 80) :][:300] for each in texts]
        yield f"{place.rstrip('/')}: was {shown[0]}\n      is now {shown[1]}"


def _content_diff(difference: str, was: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> str:
    digests = re.findall(r"\b[0-9a-f]{12}(?=\"$)", difference, re.MULTILINE)
    if len(digests) != 2 or digests[0] not in was or digests[1] not in now:
        return ""
    lines = difflib.unified_diff(was[digests[0]], now[digests[1]], "recorded", "now", n=1, lineterm="")
    return "".join(f"\n      {line}" for line in list(lines)[:40])
