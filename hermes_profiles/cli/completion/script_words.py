"""Words of a completion script that never change, and the ways to write text into a script."""

from __future__ import annotations

from functools import cache

from .command_tree import CHANNEL, CHECK, LOGIN, Command, Option

Words = tuple[tuple[str, str], ...]


@cache
def fixed(kind: str) -> Words:
    """Return all words of a kind that are known beforehand, each with what to say of it; () for other kinds."""
    if kind == CHECK:
        return _checks()
    return _channels() + (_logins() if kind == LOGIN else ()) if kind in (CHANNEL, LOGIN) else ()


def _channels() -> Words:
    from hermes_profiles.credentials.catalog.catalog import load_catalog

    return tuple((channel.name, _first(channel.why)) for channel in load_catalog().channels.values())


def _logins() -> Words:
    from hermes_profiles.credentials.catalog.catalog import load_catalog

    known = load_catalog()
    providers = dict.fromkeys(row.provider for row in known.oauth_rows if row.single_use)
    return tuple((name, "a login that works once") for name in providers if name not in known.channels)


def _checks() -> Words:
    from hermes_profiles.doctor.registry import CHECKS

    families = dict.fromkeys(check.id.partition(".")[0] for check in CHECKS)
    return tuple((family, f"all checks of {family}") for family in families) + tuple(
        (check.id, check.title) for check in CHECKS
    )


def _first(text: str) -> str:
    """Return the first part of a sentence: a description is one line of a terminal."""
    return text.partition(";")[0].rstrip(".")


def quoted(text: str) -> str:
    """Return a text in single quotes of bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def function(command: Command, part: str = "") -> str:
    """Return the name of a shell function of a program."""
    name = command.program.replace("-", "_")
    return f"__{name}_{part}" if part else f"_{name}"


def filled(template: str, program: Command, **more: str) -> str:
    """Return a template with its marks filled in: `@PROGRAM@`, `@FUNCTION@`, `@HELPER@`, and others by their names."""
    marks = {
        **more,
        "PROGRAM": program.program,
        "FUNCTION": function(program),
        "HELPER": function(program, "x").removesuffix("_x"),
    }
    for mark, text in marks.items():
        template = template.replace(f"@{mark}@", text)
    return template


def helped(command: Command) -> tuple[Option, ...]:
    """Return the options of a command with `--help`, which Typer adds."""
    help_option = Option(("--help", "-h"), (), "", "Show the help and exit.", "", (), False, False, False)  # noqa: FBT003
    return (*command.options, help_option)


def kinds_of(program: Command) -> set[str]:
    """Return what the words of a program can be."""
    return {
        word.kind or "text"
        for command in program.walk()
        for words in (command.options, command.arguments)
        for word in words
    }
