"""The script for zsh: one function for each command, with the descriptions of its options."""

from __future__ import annotations

from collections.abc import Iterator

from .command_tree import CHANNEL, CHECK, FILE, FOLDER, LIVE, LOGIN, OWNER, Argument, Command, Option
from .script_words import filled, fixed, function, helped, kinds_of, quoted

_BEGIN = """\
#compdef @PROGRAM@
# zsh completion of @PROGRAM@, generated: `hermes-profiles completion zsh` prints it.

@HELPER@_ask() { # KIND TITLE: offer what only the disk knows
    [[ $PREFIX == -* ]] && return 1
    local -a found
    local asked=@PROGRAM@
    [[ $@HELPER@_called == /* && -x $@HELPER@_called ]] && asked=$@HELPER@_called
    (( $+commands[$asked] )) || [[ $asked == /* ]] || return 1
    found=(${(f)"$(command $asked __complete zsh $1 "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
    (( $#found )) && _describe -V -t $1 $2 found
}
"""
_END = """\
(( $+functions[compdef] )) && compdef @FUNCTION@ @PROGRAM@
if [[ $funcstack[1] == _hermes-* && $service == @PROGRAM@ ]]; then
    @FUNCTION@ "$@"
fi
"""
_OWNER = """
@HELPER@_owner() {
    if [[ $PREFIX == *=* ]]; then
        @HELPER@_ask owner profile
        return
    fi
    local -a found
    found=(@WORDS@)
    _describe -V -t channels channel found -S =
}
"""
_TITLES = {"trash": "entry", "trashed": "deleted", "change": "change", "group": "group"}


def script(program: Command) -> str:
    """Return the script of a program."""
    parts = [_BEGIN, *_fixed(program), *(_command(command) for command in reversed([*program.walk()])), _END]
    return filled("\n".join(part.strip("\n") + "\n" for part in parts), program)


def _fixed(program: Command) -> Iterator[str]:
    """Yield the functions for words that are known beforehand, of the kinds that the program takes."""
    used = kinds_of(program)
    for kind, title in ((CHANNEL, "channel"), (LOGIN, "channel or login"), (CHECK, "check")):
        if kind in used:
            also = "" if kind == CHECK else "    @HELPER@_ask channel channel\n"
            yield (
                f"@HELPER@_{kind}() {{\n    local -a found\n    found=({_pairs(fixed(kind))})\n"
                f"    _describe -V -t {kind}s {quoted(title)} found\n{also}}}\n"
            )
    if OWNER in used:
        yield _OWNER.replace("@WORDS@", _pairs(fixed(LOGIN)))


def _pairs(words: tuple[tuple[str, str], ...]) -> str:
    lines = [quoted(f"{word}:{about}") for word, about in words]
    return "\n        " + "\n        ".join(lines) + "\n    "


def _command(command: Command) -> str:
    name = function(command) + "".join(f"-{word}" for word in command.path)
    specs = [spec for option in helped(command) for spec in _option(option)]
    if not command.commands:
        specs += [_argument(at, each) for at, each in enumerate(command.arguments, 1)]
        return f"{name}() {{\n    _arguments -s -S{_lines(specs)}\n}}\n"
    # The arguments of a subcommand are parsed again, with the subcommand as the first word.
    specs += ["'1: :->name'", "'*:: :->rest'"]
    pairs = _pairs(tuple((each.path[-1], each.summary.rstrip(".")) for each in command.commands))
    whose = "    local @HELPER@_called=${words[1]}\n" if not command.path else ""
    return (
        f"{name}() {{\n    local curcontext=$curcontext state state_descr line\n    local -a found\n"
        f"    local -A opt_args\n{whose}"
        f"    _arguments -C -s -S{_lines(specs)} && return\n    case $state in\n        name)\n"
        f"            found=({pairs})\n            _describe -V -t commands command found ;;\n        rest)\n"
        f"            (( $+functions[{name}-$words[1]] )) && {name}-$words[1] ;;\n    esac\n}}\n"
    )


def _lines(specs: list[str]) -> str:
    return " \\\n        " + " \\\n        ".join(specs)


def _option(option: Option) -> Iterator[str]:
    if option.names[0] in ("--help", "--version"):
        hidden = "(- *)"
    else:
        others = " ".join((*option.names, *option.off))
        hidden = "*" if option.repeatable else f"({others})" if " " in others else ""
    about = f"[{_escaped(option.help)}]"
    value = f":{_escaped(option.metavar)}:{_action(option)}" if option.takes_value else ""
    for name in (*option.names, *option.off):
        mark = ("=" if name.startswith("--") else "+") if value else ""
        yield quoted(f"{hidden}{name}{mark}{about}{value}")


def _argument(place: int, argument: Argument) -> str:
    which = "*" if argument.repeatable else str(place) + ("" if argument.required else ":")
    return quoted(
        f"{which.rstrip(':')}:{':' if which.endswith(':') else ''}{_escaped(argument.shown)}:{_action(argument)}"
    )


def _action(word: Option | Argument) -> str:
    """Return what zsh does to complete a word."""
    if word.choices:
        return f"({' '.join(word.choices)})"
    kind = word.kind or "text"
    if kind in LIVE:
        return f" @HELPER@_ask {kind} {_TITLES.get(kind, 'profile')}"
    if kind in (CHANNEL, LOGIN, CHECK, OWNER):
        return f" @HELPER@_{kind}"
    return {FOLDER: "_files -/", FILE: "_files"}.get(kind, " ")


def _escaped(text: str) -> str:
    """Return a text for a description of `_arguments`."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
