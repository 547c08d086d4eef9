"""Dispatches the arguments of `hermes` that the shim and the Hermes plugin pass on.

Source: Hermes 0.19.0 `hermes_cli/main.py` (`_apply_profile_override`: the first `-p NAME` anywhere before `--` is the
profile, and is taken out) and `hermes_cli/subcommands/{profile,doctor}.py`. A subcommand or option that the installed
Hermes has learned since is its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES
from hermes_profiles.hermes import cli as hermes_cli
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.profile_names import PATTERN
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.errors import ExitCode, Problem, Result
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern

# `hermes profile export` and `import` read and write archives of Hermes; ours have another format.
_OF_HERMES_FILES = frozenset({"export", "import"})
_NAME = lazy_pattern(PATTERN)


class Dispatch(NamedTuple):
    """The program that gets the arguments: `hermes`, `doctor` (both, one after the other), `profiles` or `gateways`.

    `problem`: why no program gets them; `note`: printed on stderr first; `must_exist`: a profile that must exist.
    """

    program: str
    words: tuple[str, ...]
    note: str | None = None
    must_exist: str | None = None
    problem: Problem | None = None


def chosen_profile(words: Sequence[str]) -> tuple[str | None, tuple[str, ...]] | None:
    """Return the profile that Hermes would take from its arguments, and the other arguments.

    None for arguments that Hermes would refuse: only Hermes can print why.
    """
    index = 0
    while index < len(words) and words[index] != "--":
        word = words[index]
        following = words[index + 1] if index + 1 < len(words) else None
        if word in ("-p", "--profile"):
            if following is None or not _NAME.fullmatch(following):
                return None
            return following, (*words[:index], *words[index + 2 :])
        if word.startswith("--profile="):
            name = word.partition("=")[2]
            return (name, (*words[:index], *words[index + 1 :])) if _NAME.fullmatch(name) else None
        takes = word in hermes_cli.OPTIONS_WITH_VALUE or (
            word in hermes_cli.OPTIONS_WITH_OPTIONAL_VALUE and following is not None and following[:1] != "-"
        )
        index += 2 if takes and following is not None else 1
    return None, tuple(words)


class InstalledWords(NamedTuple):
    """What the installed Hermes understands: subcommand of `hermes profile` → its options, and its behaviours."""

    profile: Mapping[str, Sequence[str]] = hermes_cli.PROFILE_COMMANDS
    facts: HermesFacts = BASE

    def learned(self, subcommand: str) -> frozenset[str]:
        """Return the options of a subcommand that 0.19.0 does not have; one-letter forms do not count."""
        known = hermes_cli.PROFILE_COMMANDS.get(subcommand, ())
        return frozenset(word for word in self.profile.get(subcommand, ()) if word[:2] == "--" and word not in known)

    def options(self, subcommand: str) -> tuple[str, ...]:
        """Return the long options of a subcommand."""
        return (*hermes_cli.PROFILE_COMMANDS.get(subcommand, ()), *sorted(self.learned(subcommand)))


WORDS_OF_0_19 = InstalledWords()


def dispatch(words: Sequence[str], installed: InstalledWords = WORDS_OF_0_19) -> Dispatch:
    """Return the program that gets the arguments of a `hermes` command line, and its arguments."""
    taken = chosen_profile(words)
    if taken is None or not taken[1]:
        return Dispatch("hermes", tuple(words))
    profile, rest = taken
    word, more = rest[0], rest[1:]
    if word == "doctor":
        given = () if profile is None else (profile,)
        return Dispatch(
            "doctor" if set(more) <= {"--fix", "--live"} else "hermes", tuple(words), must_exist=(given or (None,))[0]
        )
    if word == "gateways":
        return _of_gateways(profile, more)
    if word == "profiles":
        return _of_profiles(words, profile, more)
    if word == "profile" and more and _is_ours(more[0], installed):
        return _of_profiles(words, profile, more, installed)
    return Dispatch("hermes", tuple(words))


def _is_ours(subcommand: str, installed: InstalledWords) -> bool:
    """Return whether `hermes profile SUBCOMMAND` is ours.

    A word that Hermes has learned after 0.19.0 is its own, and so are those that read and write its own files.
    """
    is_learned = subcommand in installed.profile and subcommand not in hermes_cli.PROFILE_COMMANDS
    return subcommand in HERMES_PROFILES.commands and not is_learned and subcommand not in _OF_HERMES_FILES


def _is_hermes_own(more: tuple[str, ...], installed: InstalledWords) -> bool:
    """Return whether arguments mean what only Hermes does: a learned option, or the name to show of the default."""
    given = {word.partition("=")[0] for word in more[1 : more.index("--") if "--" in more else None]}
    renames_default = more[0] == "rename" and DEFAULT in (word.strip().lower() for word in more[1:2])
    return bool(given & installed.learned(more[0])) or (
        renames_default and installed.facts.has(Behaviour.DISPLAY_NAMES)
    )


def _of_profiles(
    words: Sequence[str], profile: str | None, more: tuple[str, ...], installed: InstalledWords | None = None
) -> Dispatch:
    """Return the choice for our program; `installed`: for `hermes profile`, a word of Hermes."""
    subcommand = more[0] if more else ""
    is_hermes_word = installed is not None
    if installed is not None and subcommand in hermes_cli.PROFILE_COMMANDS:
        more = _spelled_out(more, installed.options(subcommand))
        if _is_hermes_own(more, installed):
            return Dispatch("hermes", tuple(words), _clone_note(more, installed))
    if subcommand == "team" and profile is not None:
        return Dispatch("profiles", _of_team(profile, more), must_exist=profile)
    given = parsed(HERMES_PROFILES.place(subcommand), subcommand, more[1:])
    if given is None and is_hermes_word and subcommand in hermes_cli.PROFILE_COMMANDS:
        return Dispatch("hermes", tuple(words), _clone_note(more, installed or WORDS_OF_0_19))
    if profile is None or given is None:
        return Dispatch("profiles", more)
    if subcommand == "create" and (given.get("clone_it") or given.get("clone_all")) and not given.get("clone_from"):
        return Dispatch("profiles", _with(more, "--clone-from", profile))
    if subcommand == "explain" and not given.get("profile"):
        return Dispatch("profiles", _with(more, "--profile", profile))
    if "profiles" in given:
        return _for_profile("profiles", profile, more, given["profiles"])
    return Dispatch("profiles", more, must_exist=profile)


def _clone_note(more: tuple[str, ...], installed: InstalledWords) -> str | None:
    """Return what to know about a clone that Hermes makes, None for anything else."""
    options = {word.partition("=")[0] for word in more}
    if more[0] != "create" or not options & set(hermes_cli.CLONE_OPTIONS):
        return None
    shares = not installed.facts.has(Behaviour.CLONES_WITHOUT_CHANNELS) or "--clone-channels" in options
    what = "its clones share the bots of their source" if shares else "it copies values outside the channel settings"
    return f"Hermes runs this: one option is its own; {what}"


def _of_team(profile: str, more: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments of a team command with its profile: the lead of a new team, or the member to remove."""
    verb, rest = more[1:2], more[2:]
    given = parsed("team.remove:remove", "remove", rest) if verb == ("remove",) else None
    if verb == ("create",) and not any(word.partition("=")[0] == "--lead" for word in rest):
        return (*more[:2], "--lead", profile, *rest)
    if given is not None and not given["member"] and not given["everyone"]:
        return (*more[:2], profile, *rest)
    return more


def _of_gateways(profile: str | None, more: tuple[str, ...]) -> Dispatch:
    given = parsed(HERMES_GATEWAYS.place(more[0]), more[0], more[1:]) if more else None
    if profile is None or given is None or {"-h", "--help"} & set(more):
        return Dispatch("gateways", more)
    if given.get("group"):
        return _contradiction(profile, "--group")
    for name in ("profiles", "profile"):
        if name in given:
            named = given[name] or ()
            return _for_profile("gateways", profile, more, (named,) if isinstance(named, str) else named)
    return _contradiction(profile, f"`gateways {more[0]}`, which concerns the whole machine")


def _for_profile(program: str, profile: str, more: tuple[str, ...], named: Sequence[str] | None) -> Dispatch:
    """Return the arguments for one profile, or a contradiction when they name another one."""
    if not named:
        return Dispatch(program, (*more, profile), must_exist=profile)
    if set(named) == {profile}:
        return Dispatch(program, more)
    return _contradiction(profile, ", ".join(named))


def _contradiction(profile: str, other: str) -> Dispatch:
    problem = Problem(
        "usage",
        f"`-p {profile}` and {other} contradict each other",
        profile,
        "use only one of the two",
    )
    return Dispatch("none", (), problem=problem)


def _with(more: tuple[str, ...], *option: str) -> tuple[str, ...]:
    """Return the arguments with an option right after the subcommand, and so before any `--`."""
    return (more[0], *option, *more[1:])


def _spelled_out(more: tuple[str, ...], options: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments with abbreviated options in full: Hermes accepts `--clone-f` for `--clone-from`."""
    found: list[str] = []
    for position, word in enumerate(more):
        name, equals, value = word.partition("=")
        if name == "--":
            return (*found, *more[position:])
        fitting = [option for option in (*options, "--help") if option.startswith(name)]
        is_short = name.startswith("--") and name not in fitting and len(fitting) == 1
        found.append(fitting[0] + equals + value if is_short else word)
    return tuple(found)


def parsed(place: str | None, subcommand: str, words: Sequence[str]) -> dict[str, Any] | None:
    """Return parameter → value as the command at `place` parses these arguments.

    None when it does not take them, or for an unknown command; {} for a group of commands.
    """
    if place is None:
        return None
    import importlib

    import typer

    module, _, function = place.partition(":")
    target = getattr(importlib.import_module(f"hermes_profiles.cli.commands.{module}"), function)
    if isinstance(target, typer.Typer):
        return {}
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
    app.command(subcommand)(target)
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name=subcommand, help_option_names=["-h", "--help"])
    try:
        given: dict[str, Any] = command.make_parser(context).parse_args(args=list(words))[0]
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error, wherever Typer has it from
            return None
        raise
    return {str(each.name): None for each in command.params} | given


def run(arguments: Sequence[str]) -> NoReturn:
    """Run `from-hermes HERMES ARGUMENT…`: HERMES is the path of the real program, "" without one.

    Always ends with SystemExit, or becomes Hermes.
    """
    hermes, *words = arguments or ("",)
    choice = dispatch(words, _installed_words(hermes) if "profile" in words else WORDS_OF_0_19)
    if choice.note is not None:
        _say(choice.note)
    if choice.problem is not None:
        _refuse(choice.problem, words)
    if choice.program == "hermes":
        _exec_hermes(hermes, choice.words)
    if choice.must_exist is not None:
        _require(choice.must_exist, words)
    if choice.program == "doctor":
        _run_both_doctors(hermes, choice)
    from .framework.program import run_program

    run_program(HERMES_GATEWAYS if choice.program == "gateways" else HERMES_PROFILES, choice.words)


def _installed_words(hermes: str) -> InstalledWords:
    """Return the words of the Hermes that the shim found; those of 0.19.0 where its code cannot be read."""
    from hermes_profiles.gateways.installation.hermes_code import read_code
    from hermes_profiles.gateways.installation.hermes_install import installation_of
    from hermes_profiles.gateways.installation.hermes_words import profile_words

    found = installation_of(Path(hermes)) if hermes else None
    if found is None or found.code is None:
        return WORDS_OF_0_19
    return InstalledWords(profile_words(found.code) or hermes_cli.PROFILE_COMMANDS, read_code(found.code).facts)


def _refuse(problem: Problem, words: Sequence[str], code: ExitCode = ExitCode.USAGE) -> NoReturn:
    from .framework import output

    raise SystemExit(output.deliver(Result((), errors=[problem], exit_code=code), as_json="--json" in words))


def _say(text: str) -> None:
    from .framework import output

    output.note(text)


def _require(profile: str, words: Sequence[str]) -> None:
    from hermes_profiles.model.errors import HermesProfilesError
    from hermes_profiles.operations.context import Session
    from hermes_profiles.profiles.listing import require

    try:
        require(Session().layout, profile)
    except HermesProfilesError as error:
        _refuse(error.problem, words, error.exit_code)


def _exec_hermes(hermes: str, words: Sequence[str]) -> NoReturn:
    """Replace this process by Hermes. Python ignores two signals; the default action is restored first."""
    import signal

    if not hermes:
        _no_hermes()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        os.execv(hermes, [hermes, *words])  # noqa: S606  (that is what it is for)
    except OSError as error:
        _cannot_run(hermes, error)


def _cannot_run(hermes: str, error: OSError) -> NoReturn:
    _say(f"{hermes}: {(error.strerror or '').lower()}")
    raise SystemExit(126) from None


def _no_hermes() -> NoReturn:
    _say("hermes: there is no other hermes on PATH")
    raise SystemExit(127)


def _run_both_doctors(hermes: str, choice: Dispatch) -> NoReturn:
    """Run Hermes' own doctor, then ours; exit with the first code that is not 0."""
    if not hermes:
        _no_hermes()
    from hermes_profiles.operations.accounts.foreground import in_foreground

    try:
        code, pressed = in_foreground([hermes, *choice.words])
    except OSError as error:
        _cannot_run(hermes, error)
    code = int(ExitCode.INTERRUPTED) if pressed else code if code >= 0 else 128 - code
    if code not in (0, 1):  # ended by a signal, or a usage error
        raise SystemExit(code)
    from .framework import output
    from .framework.program import run_program

    output.write_lines(["", "Between profiles (hermes-profiles doctor):"])
    try:
        run_program(HERMES_PROFILES, ["doctor", *([choice.must_exist] if choice.must_exist else [])])
    except SystemExit as end:
        raise SystemExit(code or end.code) from None
