"""The commands as data: names, summaries, arguments, options, examples, read out of Typer.

The completion scripts and the manual are made from this, so neither can promise what a command does not take.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple

# What a word can be. A word of a kind that is no place on the disk is completed from the script itself.
PROFILE = "profile"
NAMED = "named"  # any profile but the default one
GATEWAY = "gateway"  # a profile, with the state of its gateway
RUNNING = "running"  # the same, those that run first
STOPPED = "stopped"  # the same, those that do not run first
MEMBER = "member"  # a profile after the name of a group
PROFILES = "profiles"  # names with commas between them
OWNER = "owner"  # CHANNEL=PROFILE
GROUP = "group"
TEAM = "team"
CHANNEL = "channel"
LOGIN = "login"  # a channel, or a login that works once
CHECK = "check"
TRASHED = "trashed"  # what `restore` takes: a name, or the id of an entry
TRASH = "trash"  # the id of an entry
CHANGE = "change"
ALERT = "alert"  # the name of a destination of alerts
PLACE = "place"  # the name of a place
PLACES = "places"  # a place, or all of them
FOLDER = "folder"
FILE = "file"
TEXT = "text"  # only the user knows it
# Names of profiles that are there.
ONE_PROFILE = frozenset({PROFILE, NAMED, GATEWAY, RUNNING, STOPPED})
# Names from the disk: candidates.py returns them.
LIVE = frozenset(
    {
        PROFILE,
        NAMED,
        GATEWAY,
        RUNNING,
        STOPPED,
        MEMBER,
        PROFILES,
        GROUP,
        TEAM,
        TRASHED,
        TRASH,
        CHANGE,
        ALERT,
        PLACE,
        PLACES,
    }
)

_BY_METAVAR = {
    "PROFILE": PROFILE,
    "SRC": PROFILE,
    "GROUP": GROUP,
    "TEAM": TEAM,
    "CHANNEL": CHANNEL,
    "CHANNEL=PROFILE": OWNER,
    "KEY|PATH|CHANNEL|CHECK": CHANNEL,
    "PROFILES": PROFILES,
    **dict.fromkeys(
        (
            "KEY",
            "TEXT",
            "ALIAS",
            "PATHS",
            "NAMES",
            "DAYS",
            "N",
            "SECONDS",
            "SIZE",
            "PERCENT",
            "TIME",
            "NAME[=VALUE]",
            "VALUE",
            "LINES",
            "REGEX",
            "PATTERN",
            "WORDS",
            "ID",
            "IDS",
            "URL",
            "PARTS",
            "MEMBER:KEY",
            "[HOST:]PORT",
            "COMMAND",
            "PROFILE:CHANNEL",
            "HH:MM-HH:MM",
            "VARIABLE",
            "REF",
            "ZONE",
            "[USER@]HOST",
            "NAMESPACE/NAME",
            "CONTEXT",
            "NAME|all",
        ),
        TEXT,
    ),
}
# By the word a person reads in the help: the metavar of an option, the name of an argument.
_BY_PLACE = {
    ("create", "name"): TEXT,
    ("clone", "name"): TEXT,
    ("rename", "old"): NAMED,
    ("rename", "new"): TEXT,
    ("delete", "profile"): NAMED,
    ("restore", "profile"): TRASHED,
    ("restore", "--as"): TEXT,
    ("move", "--as"): TEXT,
    ("move", "--source-is-dead"): TEXT,
    ("move", "--to"): PLACE,
    ("move", "--from"): PLACE,
    ("diff", "a"): PROFILE,
    ("diff", "b"): PROFILE,
    ("undo", "change"): CHANGE,
    ("trash empty", "entry"): TRASH,
    ("config get", "path"): TEXT,
    ("config set", "path"): TEXT,
    ("config unset", "path"): TEXT,
    ("env set", "name"): TEXT,
    ("env unset", "names"): TEXT,
    ("doctor", "--only"): CHECK,
    ("doctor", "--skip"): CHECK,
    ("repair", "--channel"): LOGIN,
    ("explain", "--profile"): PROFILE,
    ("group", "profiles"): MEMBER,
    ("group", "--remove"): MEMBER,
    ("alert add", "name"): TEXT,
    **dict.fromkeys((("alert test", "names"), ("alert mute", "names"), ("alert remove", "names")), ALERT),
    ("place add", "name"): TEXT,
    ("place show", "name"): PLACE,
    ("place remove", "names"): PLACE,
    ("export", "names"): PROFILE,
    ("import", "file"): FILE,
    ("backup create", "names"): PROFILE,
    ("backup create", "--to"): FOLDER,
    ("backup create", "--recipient"): TEXT,
    ("backup list", "names"): PROFILE,
    ("backup list", "--from"): FOLDER,
    ("backup verify", "wanted"): PROFILE,
    ("backup verify", "--from"): FOLDER,
    ("backup verify", "--key"): FILE,
    ("backup restore", "wanted"): PROFILE,
    ("backup restore", "--from"): FOLDER,
    ("backup restore", "--key"): FILE,
    ("backup restore", "--as"): TEXT,
    ("backup timer", "--to"): FOLDER,
    ("backup timer", "--at"): TEXT,
    ("backup timer", "--recipient"): TEXT,
    ("export", "--output"): FILE,
    ("export", "--recipient"): TEXT,
    ("import", "--key"): FILE,
    ("import", "--as"): TEXT,
    ("place check", "names"): PLACE,
    ("place share-key", "name"): PLACE,
    ("place claim", "name"): PLACE,
    ("team create", "name"): TEXT,
    ("team sync", "name"): TEAM,
    ("team check", "name"): TEAM,
    ("team import", "source"): FILE,
    ("team import", "--names"): FILE,
    **dict.fromkeys(
        (("render kubernetes", name) for name in ("--name", "--namespace", "--storage-class", "--env-secret")), TEXT
    ),
}
# In every command.
_BY_NAME = {
    "profile": PROFILE,
    "profiles": PROFILE,
    "member": NAMED,
    "channel": CHANNEL,
    "--connect": CHANNEL,
    "--team": TEAM,
    "--home": FOLDER,
    "--local": FOLDER,
    "--root": FOLDER,
    "--place": PLACES,
    "--log-dir": FOLDER,
    "--output": FOLDER,
    "--python": FILE,
    "--textfile": FILE,
}
_CHOICES = {
    "--access-mode": ("ReadWriteOncePod", "ReadWriteOnce"),
    "--manager": ("systemd", "launchd", "supervisor"),
    "--shell": ("bash", "zsh", "fish"),
    "--level": ("debug", "info", "warning", "error", "critical"),
}
_STATES = {"stop": RUNNING, "restart": RUNNING, "reset": RUNNING, "start": STOPPED}


class Option(NamedTuple):
    """An option. `kind`: of its value, "" for a switch, None when unknown.

    `off`: the names that switch it off; `choices`: all possible values.
    """

    names: tuple[str, ...]
    off: tuple[str, ...]
    metavar: str
    help: str
    kind: str | None
    choices: tuple[str, ...]
    repeatable: bool
    required: bool
    default: object

    @property
    def takes_value(self) -> bool:
        """Return whether a value follows."""
        return self.kind != ""


class Argument(NamedTuple):
    """A word of a command that is not an option; `shown` is how the help writes it."""

    name: str
    shown: str
    help: str
    kind: str | None
    choices: tuple[str, ...]
    repeatable: bool
    required: bool


class Command(NamedTuple):
    """A command, or what holds commands (the program itself: `path` is ())."""

    program: str
    path: tuple[str, ...]
    help: str
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]
    examples: tuple[str, ...]
    commands: tuple[Command, ...]

    @property
    def name(self) -> str:
        """Return the words that call it, with the program."""
        return " ".join((self.program, *self.path))

    @property
    def summary(self) -> str:
        """Return the first sentence of its help."""
        text = " ".join(self.help.split())
        return text[: text.index(". ") + 1] if ". " in text else text

    def walk(self) -> Iterator[Command]:
        """Yield it and all below it, in the order of the help."""
        yield self
        for command in self.commands:
            yield from command.walk()


def command_of(program: str, path: tuple[str, ...], found: Any) -> Command:
    """Return a command of Typer as data. `path`: its words after the program."""
    shown = [each for each in found.params if not getattr(each, "hidden", False)]
    return Command(
        program,
        path,
        found.help or "",
        tuple(_argument(program, path, each) for each in shown if each.param_type_name == "argument"),
        tuple(_option(program, path, each) for each in shown if each.param_type_name == "option"),
        tuple(getattr(found.callback, "examples", ())),
        tuple(
            command_of(program, (*path, name), each)
            for name, each in getattr(found, "commands", {}).items()
            if not each.hidden
        ),
    )


def _argument(program: str, path: tuple[str, ...], found: Any) -> Argument:
    several = found.nargs != 1
    bare = (found.metavar or found.name.upper()).strip("[].")
    shown = bare + ("..." if several else "")
    choices = _choices(found, found.name)
    kind = TEXT if choices else _kind(path, found.name, bare)
    if program == "hermes-gateways" and kind == PROFILE:
        kind = _STATES.get(path[0], GATEWAY)
    return Argument(
        found.name, shown if found.required else f"[{shown}]", _text(found), kind, choices, several, found.required
    )


def _option(program: str, path: tuple[str, ...], found: Any) -> Option:
    names, off = tuple(found.opts), tuple(found.secondary_opts)
    long = next((name for name in names if name.startswith("--")), names[0])
    if found.is_flag:
        return Option(names, off, "", _text(found), "", (), found.multiple, found.required, found.default)
    metavar = found.metavar or (found.name or "").upper()
    choices = _choices(found, long)
    kind = TEXT if choices else _kind(path, long, metavar)
    if program == "hermes-gateways" and kind == PROFILE:
        kind = GATEWAY
    return Option(names, off, metavar, _text(found), kind, choices, found.multiple, found.required, found.default)


def _text(found: Any) -> str:
    return " ".join((found.help or "").split())


def _choices(found: Any, name: str) -> tuple[str, ...]:
    """Return all values there are: a Choice of Typer's, or a metavar such as `mask|refuse|ignore`."""
    listed = getattr(found.type, "choices", None)
    if listed is not None:
        return tuple(str(getattr(each, "value", each)) for each in listed)
    words = (found.metavar or "").strip("[].").split("|")
    return tuple(words) if len(words) > 1 and "".join(words).islower() else _CHOICES.get(name, ())


def _kind(path: tuple[str, ...], name: str, metavar: str) -> str | None:
    """Return the kind of a word, None when no table has it."""
    return _BY_PLACE.get((" ".join(path), name)) or _BY_NAME.get(name) or _BY_METAVAR.get(metavar)
