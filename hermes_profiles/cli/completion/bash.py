"""The script for bash, 3.2 of macOS included: no mapfile, no associative arrays, no `${word,,}`."""

from __future__ import annotations

from .command_tree import CHANNEL, CHECK, FILE, FOLDER, LIVE, LOGIN, OWNER, Argument, Command, Option
from .script_words import filled, fixed, function, helped, kinds_of

_TEMPLATE = """\
# bash completion of @PROGRAM@, generated: `hermes-profiles completion bash` prints it.
# It works with bash 3.2, which macOS has.

@HELPER@_at() { # PATH: set what can follow a command
    commands= options= values= arguments=
    case $1 in
@CASES@
    esac
}

@HELPER@_offer() { # WORDS: add those that begin with the current word
    local each
    for each in $1; do
        if [[ $each == "$value"* ]]; then
            COMPREPLY[${#COMPREPLY[@]}]=$glue${each#"$cut"}
        fi
    done
}

@HELPER@_ask() { # KIND: add names from the disk
    local each asked=@PROGRAM@
    [[ $called == /* && -x $called ]] && asked=$called
    type -P "$asked" >/dev/null || return
    while IFS= read -r each; do
        COMPREPLY[${#COMPREPLY[@]}]=$glue${each#"$cut"}
    done < <(command "$asked" __complete bash "$1" "${words[@]:first:last-first}" "$value" 2>/dev/null)
}

@HELPER@_path() { # KIND: complete a path by readline; bash 3.2 has no such option
    local each way=-f
    [[ $1 == folder ]] && way=-d
    if [[ $1 == folder ]]; then compopt -o dirnames 2>/dev/null && return
    else compopt -o default 2>/dev/null && return; fi
    while IFS= read -r each; do
        COMPREPLY[${#COMPREPLY[@]}]=$glue$(printf %q "$each")
    done < <(compgen $way -- "$value")
}

@FUNCTION@() {
    local IFS=$' \\t\\n' called=$1 line=$COMP_LINE words=() last=0 at=1 first=1 place=0 path= kind=
    local word value cut= glue= commands options values arguments
    [[ -n $line ]] && line=${line:0:COMP_POINT}
    local whole=$line
    COMPREPLY=()
    # Bash also splits words at `=` and `:`: join the parts again.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ -n $whole && $last -gt 0 && $line != [[:space:]]* && ( -n $line || $whole != *[[:space:]] ) ]]; then
            ((last--))
            word=${words[last]}$word
            line=${words[last]}$line
        else
            line=${line#"${line%%[![:space:]]*}"}
        fi
        # At the cursor a word ends.
        [[ -n $whole && $line != "$word"* ]] && word=$line
        line=${line#"$word"}
        words[last]=$word
        ((last++))
    done
    ((last--))
    value=${words[last]}
    @HELPER@_at ''
    while ((at < last)); do
        word=${words[at]}
        ((at++))
        if [[ -n $commands ]]; then
            [[ $word == -* ]] && continue
            path=${path:+$path }$word first=$at
            @HELPER@_at "$path"
        elif [[ $word == -* ]]; then
            kind=${values#*" $word:"}
            [[ $kind == "$values" ]] && kind= || { kind=${kind%% *}; ((at++)); }
            ((at > last)) || kind=
        else
            ((place++))
        fi
    done
    if [[ -z $kind && $value == --*=* ]]; then
        word=${value%%=*} kind=${values#*" ${value%%=*}:"}
        [[ $kind == "$values" ]] && return 0
        kind=${kind%% *} value=${value#*=}
        [[ $COMP_WORDBREAKS == *=* ]] || glue=$word=
    elif [[ -z $kind && $value == -* ]]; then
        @HELPER@_offer "$options"
        return 0
    elif [[ -z $kind && -n $commands ]]; then
        @HELPER@_offer "$commands"
        return 0
    elif [[ -z $kind ]]; then
        for kind in $arguments; do
            [[ $place -eq 0 || $kind == *+ ]] && break
            ((place--))
            kind=
        done
        kind=${kind%+}
    fi
    [[ $COMP_WORDBREAKS == *=* && $value == *=* ]] && cut=${value%"${value##*=}"}
    case $kind in
@KINDS@
    esac
    return 0
}
complete -F @FUNCTION@ @PROGRAM@
"""


def script(program: Command) -> str:
    """Return the script of a program."""
    cases = "\n".join(_case(command) for command in program.walk())
    return filled(_TEMPLATE, program, CASES=cases, KINDS="\n".join(_kinds(program)))


def _case(command: Command) -> str:
    options = helped(command)
    parts = [
        ("commands", " ".join(each.path[-1] for each in command.commands)),
        ("options", " ".join(name for option in options for name in (*option.names, *option.off) if len(name) > 2)),
        (
            "values",
            " ".join(f"{name}:{_kind(option)}" for option in options if option.takes_value for name in option.names),
        ),
        ("arguments", " ".join(_kind(each) + ("+" if each.repeatable else "") for each in command.arguments)),
    ]
    said = [f"{name}=' {text} '" if name == "values" else f"{name}='{text}'" for name, text in parts if text]
    return f"        '{' '.join(command.path)}')\n            " + "\n            ".join(said) + " ;;"


def _kind(word: Option | Argument) -> str:
    return "=" + ",".join(word.choices) if word.choices else word.kind or "text"


def _kinds(program: Command) -> list[str]:
    """Return the lines that complete each kind of word."""
    helper = function(program, "x").removesuffix("_x")
    used = kinds_of(program)
    lines = [f'        =*) kind=${{kind#=}}; {helper}_offer "${{kind//,/ }}" ;;']
    for kind in (CHANNEL, LOGIN, CHECK, OWNER):
        if kind not in used:
            continue
        words = " ".join(word for word, _ in fixed(LOGIN if kind == OWNER else kind))
        step = f"{helper}_offer '{words}'"
        if kind == OWNER:
            step = (
                f"\n            if [[ $value == *=* ]]; then {helper}_ask owner\n"
                f"            else\n                compopt -o nospace 2>/dev/null\n"
                f"                {helper}_offer '{' '.join(f'{word}=' for word in words.split())}'\n            fi"
            )
        elif kind != CHECK:
            step += f"; {helper}_ask channel"
        lines.append(f"        {kind}) {step} ;;")
    if used & {FILE, FOLDER}:
        lines.append(f"        {FILE} | {FOLDER}) {helper}_path $kind ;;")
    if used & LIVE:
        lines.append(f"        {' | '.join(sorted(used & LIVE))}) {helper}_ask $kind ;;")
    return lines
