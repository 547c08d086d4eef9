"""Parses units as systemd does, and compares two by their effect. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION, RESTART_ME
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.hermes_command import hermes_words, selected_profile

from .quoting import split, unspecified

_SERVICE = "Service"
_BLANKS = " \t\r"
_SPANS = {
    "us": 1e-6,
    "usec": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "": 1,
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
_SPAN = lazy_pattern(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)")


class Setting(NamedTuple):
    """One line `key=text` of a unit as written; `repr` shows only its name: the text can be a token."""

    section: str
    key: str
    text: str

    def __repr__(self) -> str:
        return f"Setting({self.section}.{self.key})"


class UnitDocument(NamedTuple):
    """The settings of a unit, or of a unit and its drop-ins, in their order."""

    settings: tuple[Setting, ...]

    def joined(self, drop_in: UnitDocument) -> UnitDocument:
        """Return this unit with the settings of a drop-in read after its own, as systemd does."""
        return UnitDocument(self.settings + drop_in.settings)

    def listed(self, key: str, section: str = _SERVICE) -> tuple[str, ...]:
        """Return all values of a key that can occur many times; an empty value resets those before it."""
        found: list[str] = []
        for setting in self.settings:
            if (setting.section, setting.key) == (section, key):
                found = [*found, setting.text] if setting.text else []
        return tuple(found)

    def last(self, key: str, section: str = _SERVICE) -> str:
        """Return the last value of a key, "" without one."""
        found = self.listed(key, section)
        return found[-1] if found else ""

    def command(self, key: str) -> tuple[str, ...]:
        """Return the arguments of the last command of a key, unquoted; () when it cannot be parsed."""
        words = split(self.last(key)) or ()
        if not words:
            return ()
        arguments = (unspecified(word).replace("$$", "$") for word in words[1:])
        return (unspecified(words[0].lstrip("-@:+!")), *arguments)

    def environment(self) -> Mapping[str, str]:
        """Return the variables the unit sets; a line with an open quote sets none, as in systemd."""
        found: dict[str, str] = {}
        for text in self.listed("Environment"):
            for assignment in split(text) or ():
                name, equals, content = unspecified(assignment).partition("=")
                if equals:
                    found[name] = content
        return found

    def names(self) -> frozenset[tuple[str, str]]:
        """Return each (section, key) of the unit."""
        return frozenset((setting.section, setting.key) for setting in self.settings)


def parse_unit(content: bytes) -> UnitDocument:
    """Return the settings of a unit file: comments skipped, continued lines joined, values as written.

    Every file is accepted: what systemd ignores (lines without `=`, bytes that are not UTF-8) is ignored here.
    """
    return UnitDocument(tuple(_settings(content)))


def _settings(content: bytes) -> Iterator[Setting]:
    section = ""
    for line in logical_lines(content):
        stripped = line.strip(_BLANKS)
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
            continue
        key, equals, text = stripped.partition("=")
        if equals:
            yield Setting(section, key.rstrip(_BLANKS), text.lstrip(_BLANKS))


def logical_lines(content: bytes) -> Iterator[str]:
    """Yield the lines of a unit file without comments, each joined with the next after a final backslash."""
    begun = ""
    for line in content.decode("utf-8", "replace").removeprefix("\ufeff").split("\n"):
        line = line.removesuffix("\r")
        if line.lstrip(_BLANKS)[:1] in ("#", ";"):
            continue  # also within a continued line
        joined = begun + line
        # An even number of backslashes are escaped pairs.
        if (len(joined) - len(joined.rstrip("\\"))) % 2:
            begun = joined[:-1] + " "
            continue
        begun = ""
        yield joined
    if begun:
        yield begun


def seconds(text: str) -> float | None:
    """Return a time span such as `210`, `90s` or `3min 30s` in seconds; None for an empty or infinite one."""
    position, total = 0, 0.0
    while position < len(text.rstrip()):
        part = _SPAN.match(text, position)
        if part is None or part[2] not in _SPANS:
            return None
        total += float(part[1]) * _SPANS[part[2]]
        position = part.end()
    return total if text.strip() else None


class UnitMeaning(NamedTuple):
    """The effect of a unit, independent of its notation. PATH is left out: it varies with the shell.

    `program`: the interpreter, or the launcher of a newer Hermes (`is_launcher`); `words`: the arguments,
    without those that select the profile; `profile`: the selected one, "" when the sticky `active_profile` decides;
    `parks`: exit code 78 is final; `restarts`: exit code 75 always restarts it.
    """

    program: str
    is_launcher: bool
    words: tuple[str, ...]
    profile: str
    home: str
    directory: str
    type: str
    watchdog: float | None
    restart: str
    parks: bool
    restarts: bool
    stop_timeout: float | None

    def differences(self, wanted: UnitMeaning) -> tuple[str, ...]:
        """Return the settings whose effect differs from the wanted unit; a longer stop is fine."""
        # A launcher finds its interpreter itself, so it cannot be compared with one.
        differs = self.program != wanted.program and self.is_launcher == wanted.is_launcher
        found = ["program"] if differs else []
        fields = ("words", "profile", "home", "directory", "type", "watchdog", "restart", "parks", "restarts")
        found += [field for field in fields if getattr(self, field) != getattr(wanted, field)]
        if self.stop_timeout is not None and self.stop_timeout < (wanted.stop_timeout or 0):
            found.append("stop_timeout")
        return tuple(found)


def meaning_of(base: UnitDocument, drop_in: UnitDocument | None = None) -> UnitMeaning:
    """Return the effect of a unit, together with its drop-in if there is one."""
    unit = base.joined(drop_in) if drop_in else base
    program, is_launcher, words = hermes_words(unit.command("ExecStart"))
    selected, words = selected_profile(words)
    environment = unit.environment()
    home = environment.get(HERMES_HOME, "").rstrip("/")
    parent, _, name = home.rpartition("/")
    if not selected and parent.endswith("/profiles"):
        selected = name  # from HERMES_HOME, which an argument overrides
    stop = unit.last("TimeoutStopSec")
    kind = unit.last("Type") or "simple"
    return UnitMeaning(
        program,
        is_launcher,
        words,
        selected,
        home,
        unspecified(unit.last("WorkingDirectory")).rstrip("/"),
        kind,
        seconds(unit.last("WatchdogSec")) if kind == "notify" else None,
        unit.last("Restart") or "no",
        str(FATAL_CONFIGURATION) in " ".join(unit.listed("RestartPreventExitStatus")).split(),
        str(RESTART_ME) in " ".join(unit.listed("RestartForceExitStatus")).split(),
        seconds(stop) if stop else 90.0,  # systemd's own default
    )
