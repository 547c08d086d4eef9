"""The script for fish: a line for each option and each word of a command."""

from __future__ import annotations

from collections.abc import Iterator

from .command_tree import CHANNEL, CHECK, FILE, FOLDER, LIVE, LOGIN, OWNER, Argument, Command, Option
from .script_words import filled, fixed, helped, kinds_of

_BEGIN = """\
# fish completion of @PROGRAM@, generated: `hermes-profiles completion fish` prints it.

function @HELPER@_at --description 'Whether the cursor is after a command: PATH [FIRST [LAST]] (word positions)'
    set -l words (commandline -opc)
    set -e words[1]
    set -l path
    set -l known @COMMANDS@
    while set -q words[1]
        contains -- "$path $words[1]" $known
        or break
        set path "$path $words[1]"
        set -e words[1]
    end
    test "$path" = "$argv[1]"
    or return
    set -q argv[2]
    or return 0
    set -l place 0
    set -l values
    switch $path
@VALUES@
    end
    while set -q words[1]
        if contains -- $words[1] $values
            set -e words[1]
        else if not string match -q -- '-*' $words[1]
            set place (math $place + 1)
        end
        set -e words[1]
    end
    test $place -ge $argv[2]
    and test $place -le $argv[-1]
end

function @HELPER@_ask --description 'Names from the disk'
    set -l words (commandline -opc)
    set -l asked @PROGRAM@
    if string match -q -- '/*' $words[1]; and test -x $words[1]
        set asked $words[1]
    end
    type -q $asked
    or return
    # The words of the command are not names that are given already.
    set -l from (math 2 + $argv[2])
    set -l current (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
    string match -q -- '-*' $current
    or command $asked __complete fish $argv[1] $words[$from..-1] "$current" 2>/dev/null
end

function @HELPER@_folders
    __fish_complete_directories (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
end
"""


def script(program: Command) -> str:
    """Return the script of a program."""
    commands = [command for command in program.walk() if command.path]
    known = " ".join(_quoted(_path(command)) for command in commands)
    parts = [_BEGIN, *_fixed(program), f"complete -c {program.program} -f\n"]
    parts += ["\n".join(_command(command)) + "\n" for command in program.walk()]
    return filled("\n".join(parts), program, COMMANDS=known, VALUES="\n".join(_values(commands)))


def _path(command: Command) -> str:
    return "".join(f" {word}" for word in command.path)


def _values(commands: list[Command]) -> Iterator[str]:
    for command in commands:
        names = [name for option in command.options if option.takes_value for name in option.names]
        if names:
            yield f"        case {_quoted(_path(command))}\n            set values {' '.join(names)}"


def _fixed(program: Command) -> Iterator[str]:
    """Yield the functions for words that are known beforehand, of the kinds that the program takes."""
    used = kinds_of(program)
    for kind in (CHANNEL, LOGIN, CHECK):
        if kind in used:
            also = "" if kind == CHECK else "\n    @HELPER@_ask channel 0"
            yield f"function @HELPER@_{kind}\n{_pairs(fixed(kind))}{also}\nend\n"
    if OWNER in used:
        pairs = _pairs(tuple((f"{word}=", about) for word, about in fixed(LOGIN)))
        yield (
            f"function @HELPER@_owner\n    if string match -q -- '*=*' (commandline -ct | string replace -r -- "
            f"'^--[a-z-]+=' '')\n        @HELPER@_ask owner 0\n        return\n    end\n{pairs}\nend\n"
        )


def _pairs(words: tuple[tuple[str, str], ...]) -> str:
    lines = " \\\n        ".join(f"{word} {_quoted(about)}" for word, about in words)
    return f"    printf '%s\\t%s\\n' \\\n        {lines}"


def _command(command: Command) -> Iterator[str]:
    """Yield the lines of a command: what holds commands offers these, another its words and options."""
    start = f"complete -c {command.program} -n"
    path = _path(command)
    here, first = (_quoted(f"@HELPER@_at {_quoted(path)}{place}") for place in ("", " 0"))
    for below in command.commands:
        yield f"{start} {first} -a {below.path[-1]} -d {_quoted(below.summary.rstrip('.'))}"
    for place, argument in enumerate(command.arguments):
        action = _action(argument, len(command.path))
        if action:
            last = 999 if argument.repeatable else place
            where = _quoted(f"@HELPER@_at {_quoted(path)} {place} {last}")
            yield f"{start} {where} {action}"
    for option in helped(command):
        yield from (f"{start} {here} {line}" for line in _option(option, len(command.path)))


def _option(option: Option, depth: int) -> Iterator[str]:
    long = [name for name in (*option.names, *option.off) if name.startswith("--")]
    short = [f"-s {name[1:]}" for name in option.names if not name.startswith("--")]
    value = []
    if option.takes_value:
        value = ["-r" if option.kind == FILE else "-x", _action(option, depth)]
    for at, name in enumerate(long):
        words = [*(short if at == 0 else ()), f"-l {name[2:]}", *filter(None, value), "-d", _quoted(option.help)]
        yield " ".join(words)


def _action(word: Option | Argument, depth: int) -> str:
    """Return what fish does to complete a word: "" for nothing."""
    if word.choices:
        return f"-a {_quoted(' '.join(word.choices))}"
    kind = word.kind or "text"
    if kind in LIVE:
        return f"-k -a {_quoted(f'(@HELPER@_ask {kind} {depth})')}"
    if kind in (CHANNEL, LOGIN, CHECK, OWNER):
        return f"-k -a {_quoted(f'(@HELPER@_{kind})')}"
    return {FOLDER: "-a '(@HELPER@_folders)'", FILE: "-F"}.get(kind, "")


def _quoted(text: str) -> str:
    """Return a text in single quotes of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
