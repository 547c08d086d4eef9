"""Write the manual pages of this folder: `python man/generate.py`.

Commands, options and examples come from hermes_profiles/cli/completion/command_tree.py, paths from the modules that
know them. A test fails when a page is out of date.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))
from hermes_profiles import __version__  # noqa: E402
from hermes_profiles.cli import gateways, profiles  # noqa: E402
from hermes_profiles.cli.completion import program_trees  # noqa: E402
from hermes_profiles.cli.completion.command_tree import Argument, Command, Option  # noqa: E402
from hermes_profiles.model.errors import ExitCode  # noqa: E402
from hermes_profiles.model.layout import Layout, shim_folder  # noqa: E402
from hermes_profiles.profiles.plugin_channels import USER_CATALOG  # noqa: E402
from hermes_profiles.services import naming  # noqa: E402

HOME = Path("~")
LAYOUT = Layout(HOME / ".hermes", HOME)
SERVICE = naming.ServiceName("NAME", "NAME")

DESCRIPTION = {
    "hermes-profiles": """\
A profile is the home folder of one Hermes agent: its `.env`, `config.yaml`, memory, skills and chat identities.
`hermes-profiles` creates, clones, compares, renames, deletes and restores profiles. It finds and fixes faults between
them. Without a command it shows the profiles, what is wrong with them, and the most useful next commands.

A clone never carries an identity: no bot token, account or device of the source, in any file or spelling, unless
`--clone-channels` copies it. The source is never written.

No secret is ever shown. `--dry-run` shows a change before it is made, and `undo` reverts it. Deleted profiles go to
the trash. The answer goes to standard output, everything else to standard error. `--json` prints the answer as one JSON
object.

`hermes-gateways`(1) runs the gateways of the profiles.""",
    "hermes-gateways": """\
A gateway is the process that answers on the chat channels of a profile, or of all profiles (Hermes 0.21.4 and later).
`hermes-gateways` runs each gateway as a service (systemd, launchd or the bundled supervisord). It starts, stops,
restarts and shows all of them with one command. Without a command it shows the gateways and the most useful next
commands.

Commands take names of profiles. Without names they mean all profiles that are not disabled. One failure never stops
the rest. A start counts as successful when the gateway has been seen up and settled. When two profiles hold one bot or
one port, the later one does not get it, and the answer says so.

The answer goes to standard output, everything else to standard error. `--json` prints the answer as one JSON object.
`hermes-profiles`(1) manages the profiles.""",
}
EXIT = {
    ExitCode.OK: "Done, or nothing to do.",
    ExitCode.FAILED: "Failed; with several targets, any of them.",
    ExitCode.USAGE: "The arguments do not fit the command.",
    ExitCode.NEGATIVE: "A negative answer: `doctor` found errors, a gateway that should run does not or is degraded, "
    "`--check` found a difference.",
    ExitCode.MANAGER: "The service manager cannot be reached.",
    ExitCode.MISSING: "No such profile, service, channel, group, change or entry.",
    ExitCode.REFUSED: "Refused for safety: something would be overwritten, a gateway runs, profiles are in "
    "conflict, or there is no terminal to confirm on.",
    ExitCode.INTERRUPTED: "Interrupted; nothing is left half-made.",
}
ENVIRONMENT = {
    "HERMES_HOME": "The Hermes root, or the home of a profile in it; `--home` overrides it. Default: `~/.hermes`.",
    "HERMES_PROFILES_MANAGER": "Use `systemd`, `launchd` or `supervisor` instead of the detected manager. "
    "`--manager` overrides it.",
    "HERMES_PROFILES_DEBUG": "With `1`, an internal error prints its traceback.",
    "HERMES_PROFILES_SHIM": "With `off`, the shim passes every command to the real Hermes.",
    "HERMES_GATEWAY_LOCK_DIR": "Folder of Hermes' locks of bots and accounts, if not below XDG_STATE_HOME.",
    "HERMES_MANAGED_DIR": "Folder of settings that override those of the profiles. A gateway with masked channels "
    "gets a folder of its own with the same settings.",
    "HERMES_RESTART_DRAIN_TIMEOUT": "In the `.env` of a profile: the seconds that its gateway has to finish its "
    "work before it stops.",
    "HERMES_SHARED_AUTH_DIR": "Folder of logins that profiles share, if not the root.",
    "XDG_CONFIG_HOME": "Folder of the user's own catalogue, if not `~/.config`.",
    "XDG_DATA_HOME": "Folder of the shim, if not `~/.local/share`.",
    "XDG_STATE_HOME": "Folder of Hermes' locks, if not `~/.local/state`.",
    "XDG_RUNTIME_DIR": "Folder of the sockets of the user's systemd and of the bundled supervisord.",
    "COLUMNS": "The width of a terminal, instead of the one that it reports.",
    "NO_COLOR": "If it is not empty, no colours. `--color always` overrides it.",
    "CLICOLOR_FORCE": "With `1`, colours also in a pipe. `--color never` and `NO_COLOR` override it.",
}
_UNIT = naming.unit_folders(HOME, {})[0] / f"{SERVICE.unit}.service"
_EVERYWHERE = {
    LAYOUT.root: "The root. It is also the home of the profile `default`.",
    LAYOUT.home("NAME"): "The home of another profile.",
    LAYOUT.active_profile: "The sticky default: the profile that plain `hermes` starts.",
    LAYOUT.state / "journal": "Changes, with the old content of changed files; `undo` reads them.",
}
FILES = {
    "hermes-profiles": _EVERYWHERE | {
        LAYOUT.trash: "Deleted profiles, and files that were removed from profiles.",
        LAYOUT.fingerprint_key: "The key of the fingerprints that represent secrets.",
        LAYOUT.alias_folder / "NAME": "The alias of a profile: a command that starts it.",
        HOME / ".config" / "hermes-profiles" / USER_CATALOG: "Your own channels and keys, added to the catalogue.",
        shim_folder({}, user_home=HOME) / "hermes": "The shim.",
    },
    "hermes-gateways": _EVERYWHERE | {
        _UNIT: "The systemd service of a gateway; that of "
        "`default` has no name at its end.",
        naming.drop_in(_UNIT):
            "The drop-in of `hermes-gateways`: limits and variables.",
        naming.launch_agent(SERVICE, HOME): "The launchd service of a gateway.",
        LAYOUT.state / "supervisor": "Configuration and state of the bundled supervisord.",
        LAYOUT.home("NAME") / "logs": "The logs of a gateway.",
    },
}  # fmt: skip
_MODULES = {"hermes-profiles": profiles, "hermes-gateways": gateways}
# An option of this share of the commands, with the same help, is described once.
_SHARED = 0.5


def pages() -> dict[str, str]:
    """Return the text of every page."""
    return {f"{program.program}.1": "\n".join(_page(program)) + "\n" for program in program_trees.programs()}


def _page(program: Command) -> Iterator[str]:
    name = program.program
    other = next(each for each in _MODULES if each != name)
    yield '.\\" Generated by man/generate.py.'
    yield f'.TH {name.upper()} 1 "" "hermes-profiles {__version__}" "Hermes Profiles"'
    about = program.summary.rstrip(".")
    yield f".nh\n.ad l\n.SH NAME\n{_bare(name)} \\- {_bare(about[:1].lower() + about[1:])}"
    yield f".SH SYNOPSIS\n.B {_bare(name)}\n.I COMMAND\n[\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]"
    yield f".SH DESCRIPTION\n{_paragraphs(DESCRIPTION[name])}"
    leaves = [command for command in program.walk() if not command.commands]
    shared = shared_options(leaves)
    yield ".SH COMMON OPTIONS\nMost commands take these; each command lists its own."
    yield from (line for option in shared for line in _option(option))
    yield from (line for option in program.options for line in _option(option))
    yield ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow the help of the program or of a command, and exit."
    yield ".SH COMMANDS"
    for command in leaves:
        yield from _command(command, shared)
    yield ".SH EXIT STATUS"
    yield from (f".TP\n.B {int(code)}\n{_inline(EXIT[code])}" for code in ExitCode)
    yield ".SH ENVIRONMENT"
    yield from (f".TP\n.B {variable}\n{_inline(text)}" for variable, text in ENVIRONMENT.items())
    yield ".SH FILES"
    yield from (f".TP\n.I {_bare(str(path))}\n{_inline(text)}" for path, text in FILES[name].items())
    yield f".SH SEE ALSO\n.BR {_bare(other)} (1),\n.BR systemd.unit (5),\n.BR launchctl (1)"


def shared_options(leaves: list[Command]) -> list[Option]:
    counted = Counter((option.names, option.help) for command in leaves for option in command.options)
    first = {(option.names, option.help): option for command in leaves for option in command.options}
    return [first[key] for key, count in sorted(counted.items()) if count >= _SHARED * len(leaves)]


def _command(command: Command, shared: list[Option]) -> Iterator[str]:
    words = " ".join(_bold(word) for word in command.path)
    arguments = "".join(f" {_argument_form(each)}" for each in command.arguments)
    required = "".join(f" {_bold(each.names[0])} {_italic(each.metavar)}" for each in command.options if each.required)
    yield f'.SS "{words}{arguments}{required} [\\fIOPTION\\fR...]"'
    yield _paragraphs(command.help)
    for argument in command.arguments:
        if argument.help:
            yield f".TP\n.I {_bare(argument.shown.strip('[].'))}\n{_inline(argument.help)}{_choices(argument)}"
    known = {(option.names, option.help) for option in shared}
    for option in command.options:
        if (option.names, option.help) not in known:
            yield from _option(option)
    common = [option.names[0] for option in command.options if (option.names, option.help) in known]
    if common:
        yield f".PP\nCommon options: {', '.join(_bold(name) for name in common)}."
    yield ".PP\n" + ("Examples:" if len(command.examples) > 1 else "Example:") + "\n.PP\n.RS 4\n.EX"
    yield from (_guarded(_bare(line)) for line in command.examples)
    yield ".EE\n.RE"


def _argument_form(argument: Argument) -> str:
    shown = argument.shown
    inner = shown.strip("[].")
    form = _italic(inner) + ("..." if "..." in shown else "")
    return f"[{form}]" if shown.startswith("[") else form


def _option(option: Option) -> Iterator[str]:
    value = f" {_italic(option.metavar)}" if option.takes_value else ""
    names = ", ".join(_bold(name) + value for name in (*option.names, *option.off))
    default = ""
    if option.takes_value and option.default not in (None, "", ()) and "default" not in option.help.lower():
        text = f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
        default = f" Default: {_bare(text)}."
    several = " Can be given several times." if option.repeatable and "repeatable" not in option.help else ""
    yield f".TP\n{names}\n{_inline(option.help)}{_choices(option)}{default}{several}"


def _choices(word: Option | Argument) -> str:
    if not word.choices or all(each in f"{_form(word)} {word.help}" for each in word.choices):
        return ""
    return f" One of: {', '.join(map(_bold, word.choices))}."


def _form(word: Option | Argument) -> str:
    return word.metavar if isinstance(word, Option) else word.shown


def _paragraphs(text: str) -> str:
    parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return "\n.PP\n".join(_inline(part) for part in parts)


def _inline(text: str) -> str:
    """Return a line of text as roff; text in backquotes is bold."""
    pieces = re.split(r"`([^`]*)`", text)
    return _guarded("".join(_bold(piece) if at % 2 else _plain(piece) for at, piece in enumerate(pieces)))


def _plain(text: str) -> str:
    """Return text as roff; options keep their hyphens."""
    text = _escaped(text)
    return re.sub(r"(?<![\w-])--?[a-z][a-z-]*", lambda match: match[0].replace("-", "\\-"), text)


def _bare(text: str) -> str:
    return _escaped(text).replace("-", "\\-")


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    text = text.replace("'", "\\(aq").replace('"', "\\(dq")
    return "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)


def _bold(text: str) -> str:
    return f"\\fB{_bare(text)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{_bare(text)}\\fR"


def _guarded(line: str) -> str:
    """Return a line that roff reads as text, not as a request."""
    return f"\\&{line}" if line.startswith((".", "'")) else line


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
