"""The user's own additions: `hermes-profiles/catalog.toml` in the configuration folder.

    [channels.acme]
    prefixes = ["ACME_"]
    sharing = "exclusive"
    enable = [["ACME_TOKEN", "ACME_URL"]]
    state = ["acme/", "acme_tokens.json"]
    [channels.acme.keys]
    ACME_TOKEN = "identity_credential"

    [keys]
    MY_CRM_KEY = "tool_or_provider_key"

Anything invalid is refused with file and line: a class that is silently ignored would put an identity into a
clone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .model import KeyClass, KeyFact, Sharing, UserAdditions, UserChannel

_CHANNEL = lazy_pattern(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_PREFIX = lazy_pattern(r"[A-Za-z][A-Za-z0-9_]*_")
_LINE = lazy_pattern(r"\(at line (\d+), column \d+\)")
_SHOWN = lazy_pattern(r"[a-z][a-z_-]{0,23}")
_CLASS_WORDS = tuple(word.value for word in KeyClass if word is not KeyClass.UNKNOWN)
_CHANNEL_FIELDS = ("prefixes", "sharing", "enable", "state", "keys")


def parse_user_catalog(text: str, *, path: str) -> UserAdditions:
    """Return what a catalog.toml adds.

    Raises DocumentError, with the line where it is known, for anything but the fields shown above.
    """
    import tomllib  # imported here: it takes 5 ms, and most users have no such file

    text = text.removeprefix("\ufeff")
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = _LINE.search(str(error))
        reason = _LINE.sub("", str(error)).strip() or "not TOML"
        raise DocumentError(path, int(line[1]) if line else None, f"not TOML: {reason}") from error
    return _AdditionsReader(text, path).additions(data)


class _AdditionsReader:
    """Turns the parsed tables into additions, and finds their lines for errors."""

    def __init__(self, text: str, path: str) -> None:
        self._lines = text.splitlines()
        self._path = path

    def additions(self, data: Mapping[str, Any]) -> UserAdditions:
        self._only(data, ("channels", "keys"), ())
        channels = self._table(data.get("channels", {}), ("channels",))
        keys = self._table(data.get("keys", {}), ("keys",))
        return UserAdditions(
            channels=tuple(self._channel(name, value) for name, value in channels.items()),
            keys=tuple(self._key(name, word, ("keys",), channel=None) for name, word in keys.items()),
        )

    def _channel(self, name: str, value: Any) -> UserChannel:
        place = ("channels", name)
        if _CHANNEL.fullmatch(name) is None:
            self._fail(place, f"{name!r} is not the name of a channel", "use lower-case letters, digits, _ and -")
        table = self._table(value, place)
        self._only(table, _CHANNEL_FIELDS, place)
        sets = self._enable(table.get("enable", []), (*place, "enable"))
        keys = self._table(table.get("keys", {}), (*place, "keys"))
        enabling = frozenset[str]().union(*sets)
        return UserChannel(
            name=name,
            prefixes=self._prefixes(table.get("prefixes", []), (*place, "prefixes")),
            sharing=self._sharing(table.get("sharing"), (*place, "sharing")),
            keys=tuple(
                self._key(key, word, (*place, "keys"), channel=name, auto_enables=key in enabling)
                for key, word in keys.items()
            ),
            enable_sets=sets,
            state=self._state(table.get("state", []), (*place, "state")),
        )

    def _key(
        self, name: str, word: Any, table: tuple[str, ...], *, channel: str | None, auto_enables: bool = False
    ) -> KeyFact:
        place = (*table, name)
        if _VARIABLE.fullmatch(name) is None:
            self._fail(place, f"{name!r} is not the name of a variable", "use letters, digits and _")
        if word not in _CLASS_WORDS:
            self._fail(place, f"{_shown(word)} is not a class of a key", f"use one of: {', '.join(_CLASS_WORDS)}")
        key_class = KeyClass(word)
        secret = key_class in (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
        return KeyFact(name, channel, key_class, auto_enables, f"from {self._path}", secret=secret, origin="user")

    def _sharing(self, word: Any, place: tuple[str, ...]) -> Sharing | None:
        if word is None:
            return None
        kinds = tuple(member.value for member in Sharing)
        if word not in kinds:
            self._fail(place, f"{_shown(word)} is not a kind of sharing", f"use one of: {', '.join(kinds)}")
        return Sharing(word)

    def _prefixes(self, value: Any, place: tuple[str, ...]) -> tuple[str, ...]:
        prefixes = self._texts(value, place)
        for prefix in prefixes:
            if _PREFIX.fullmatch(prefix) is None:
                self._fail(place, f"{prefix!r} is not a prefix", "a prefix is letters, digits and _, and ends in _")
        return prefixes

    def _enable(self, value: Any, place: tuple[str, ...]) -> tuple[frozenset[str], ...]:
        if not isinstance(value, list):
            self._fail(place, "`enable` is not a list of lists", 'write `enable = [["A_TOKEN", "A_URL"]]`')
        sets = tuple(self._texts(names, place) for names in value)
        for names in sets:
            if not names or any(_VARIABLE.fullmatch(name) is None for name in names):
                self._fail(place, "`enable` holds something that is not a variable", 'write `enable = [["A_TOKEN"]]`')
        return tuple(frozenset(names) for names in sets)

    def _state(self, value: Any, place: tuple[str, ...]) -> tuple[str, ...]:
        globs = self._texts(value, place)
        for glob in globs:
            parts = glob.rstrip("/").split("/")
            if not glob.strip("/*") or glob.startswith(("/", "~")) or ".." in parts:
                self._fail(place, f"{glob!r} is not a path inside a home", "write it relative to the home: `acme/`")
        return globs

    def _texts(self, value: Any, place: tuple[str, ...]) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._fail(place, f"`{place[-1]}` is not a list of texts", f'write `{place[-1]} = ["…"]`')
        return tuple(value)

    def _table(self, value: Any, place: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            self._fail(place, f"`{'.'.join(place)}` is not a table", f"write `[{'.'.join(place)}]` above its lines")
        return dict(value)

    def _only(self, table: Mapping[str, Any], allowed: tuple[str, ...], place: tuple[str, ...]) -> None:
        for name in table:
            if name not in allowed:
                self._fail((*place, name), f"{name!r} means nothing here", f"use one of: {', '.join(allowed)}")

    def _fail(self, place: tuple[str, ...], reason: str, hint: str) -> None:
        raise DocumentError(self._path, _line_of(self._lines, place), reason, hint=hint)


def _shown(word: Any) -> str:
    """Return a value for a message, hidden unless it looks like a class: it can be a token in the wrong place."""
    return repr(word) if isinstance(word, str) and _SHOWN.fullmatch(word) else "the value"


def _line_of(lines: list[str], place: tuple[str, ...]) -> int | None:
    """Return the 1-based line that sets a key or opens a table, else that of its nearest parent."""
    table: tuple[str, ...] = ()
    nearest: tuple[int, int | None] = (0, None)
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("["):
            table = _dotted(text.strip("[]").split("]")[0])
            here = table
        elif "=" in text and not text.startswith("#"):
            here = (*table, *_dotted(text.split("=", 1)[0]))
        else:
            continue
        common = 0
        while common < min(len(here), len(place)) and here[common] == place[common]:
            common += 1
        if common > nearest[0]:
            nearest = (common, number)
    return nearest[1]


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in text.strip().split("."))
