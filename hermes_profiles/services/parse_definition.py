"""What a definition says about its gateway, in the words of any manager: home, profile, program, folder, PATH. Pure.

It accepts everything: of a file that cannot be understood, only what is certain is told.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Failed
from hermes_profiles.services.systemd.quoting import unspecified
from hermes_profiles.services.systemd.unit_file import UnitDocument, parse_unit, told_by

from .manager import ManagerKind
from .spec import Program, ServiceSpec

# `%(name).0s`, with which we spell blanks that supervisord's reader would cut off.
_NOTHING = re.compile(r"%\([a-z_]+\)\.0s")
_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[^,]*)")
_HELPER = re.compile(r"""('[^'\n]*'|[^\s;'"]+) -I -m hermes_profiles\.cli\.gateways prestart """)
_PLIST_HOME = re.compile(rb"<key>HERMES_HOME</key>\s*<string>([^<]*)</string>")
# Letter by letter: Hermes escapes nothing, and of a path with a quote in it systemd reads nothing at all.
_UNIT_HOME = re.compile(rb'^\s*Environment=\s*"?HERMES_HOME=(.*?)"?\s*$', re.MULTILINE)


class ParsedDefinition(NamedTuple):
    """What a definition says; "" and () where it says nothing.

    `home`: HERMES_HOME; `spelled`: the same letter by letter, as a Hermes that escapes nothing meant it; `others`:
    homes that a part of it names and another part overrules; `selected`: the profile that its words name; `program`:
    what is run, `is_launcher` when that is `hermes` itself; `helper`: the Python that refreshes the overlay before a
    start; `hermes`: Hermes' own part, where that names another program.
    """

    home: str = ""
    spelled: str = ""
    others: tuple[str, ...] = ()
    selected: str = ""
    program: str = ""
    is_launcher: bool = False
    venv: str = ""
    directory: str = ""
    path: tuple[str, ...] = ()
    helper: str = ""
    hermes: UnitDocument | None = None


def parse_definition(kind: ManagerKind, content: bytes, drop_ins: Sequence[bytes] = ()) -> ParsedDefinition:
    """Return what a definition says; `drop_ins`: of a unit, in the order in which systemd reads them."""
    if kind is ManagerKind.SYSTEMD:
        return _of_unit(content, drop_ins)
    return _of_plist(content) if kind is ManagerKind.LAUNCHD else _of_program(content)


def _of_unit(content: bytes, drop_ins: Sequence[bytes]) -> ParsedDefinition:
    base = parse_unit(content)
    documents = [base, *map(parse_unit, drop_ins)]
    unit = UnitDocument(tuple(setting for each in documents for setting in each.settings))
    own = [each.environment() for each in documents]
    # Most often ours is the one that counts: it drops what was set before.
    variables = own[-1] if _begins_anew(documents[-1]) else unit.environment()
    spelled = _claimed([content, *drop_ins])
    home = variables.get(HERMES_HOME, "").rstrip("/") or spelled
    named = [each.get(HERMES_HOME, "").rstrip("/") for each in own]
    helper = unit.command("ExecStartPre")
    told = _told(unit.command("ExecStart"), variables, home)
    is_same = len(documents) == 1 or told_by(base.command("ExecStart"))[0] == told.program
    return told._replace(
        spelled=spelled,
        others=tuple(dict.fromkeys(each for each in named if each and each != home)),
        directory=unspecified(unit.last("WorkingDirectory")).rstrip("/"),
        helper=helper[0] if helper[1:4] == ("-I", "-m", "hermes_profiles.cli.gateways") else "",
        hermes=None if is_same else base,
    )


def _begins_anew(document: UnitDocument) -> bool:
    first = next((each.text for each in document.settings if each.key == "Environment"), None)
    return first == ""


def _claimed(contents: Sequence[bytes]) -> str:
    found = [text for content in contents for text in _UNIT_HOME.findall(content)]
    return found[-1].decode("utf-8", "replace").rstrip("/") if found else ""


def _of_program(content: bytes) -> ParsedDefinition:
    lines = dict(line.partition("=")[::2] for line in content.decode("utf-8", "replace").splitlines() if "=" in line)
    variables = {
        name: _unspelled(text[1:-1] if text[:1] in "\"'" else text)
        for name, text in _PAIR.findall(lines.get("environment", ""))
    }
    command = _unspelled(lines.get("command", ""))
    try:
        words = tuple(shlex.split(command))
    except ValueError:
        words = ()
    told = _told(words, variables, variables.get(HERMES_HOME, "").rstrip("/"))
    return told._replace(directory=_unspelled(lines.get("directory", "")).rstrip("/"), helper=_helper(words))


def _of_plist(content: bytes) -> ParsedDefinition:
    from hermes_profiles.services.launchd.render import parse_plist

    try:
        job = parse_plist(content)
    except Failed:  # Hermes escapes nothing: with a `&` in its path it is no property list
        found = _PLIST_HOME.search(content)
        return ParsedDefinition(home=found[1].decode("utf-8", "replace").rstrip("/") if found else "")
    variables = _texts(job.get("EnvironmentVariables"))
    given = job.get("ProgramArguments")
    words = tuple(each for each in given if isinstance(each, str)) if isinstance(given, list) else ()
    directory = job.get("WorkingDirectory")
    told = _told(words, variables, variables.get(HERMES_HOME, "").rstrip("/"))
    return told._replace(directory=directory.rstrip("/") if isinstance(directory, str) else "", helper=_helper(words))


def _texts(found: Any) -> Mapping[str, str]:
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _unspelled(text: str) -> str:
    return _NOTHING.sub("", text).replace("%%", "%")


def _told(words: tuple[str, ...], variables: Mapping[str, str], home: str) -> ParsedDefinition:
    if len(words) > 4 and words[1] == "-c" and words[3] == UNIT:
        words = words[4:]
    program, is_launcher, selected = told_by(words)
    path = tuple(each for each in variables.get("PATH", "").split(":") if each)
    return ParsedDefinition(
        home=home,
        selected=selected,
        program=program,
        is_launcher=is_launcher,
        path=path,
        venv=variables.get("VIRTUAL_ENV", ""),
    )


def _helper(words: tuple[str, ...]) -> str:
    script = words[2] if len(words) > 4 and words[1] == "-c" else ""
    found = _HELPER.search(script)
    return shlex.split(found[1])[0] if found else ""


def with_programs_of(spec: ServiceSpec, said: ParsedDefinition, *, works: Callable[[str], bool | None]) -> ServiceSpec:
    """Return the spec with the programs that an installed definition names, as far as they work.

    Which Hermes, and which of us, is found today varies with the shell that asks. A service that runs well with
    another one is not to be written anew for that. What Hermes' own part says counts first: it writes that again and
    again, for itself.
    """
    if said.hermes is not None:
        variables = said.hermes.environment()
        program, is_launcher, _ = told_by(said.hermes.command("ExecStart"))
        said = said._replace(
            program=program,
            is_launcher=is_launcher,
            venv=variables.get("VIRTUAL_ENV", ""),
            path=tuple(each for each in variables.get("PATH", "").split(":") if each) or said.path,
        )
    if works(said.program) and not said.is_launcher:
        spec = spec._replace(program=Program(said.program, said.venv or None, said.path or spec.program.path))
    if spec.prestart and works(said.helper):
        spec = spec._replace(prestart=(said.helper, *spec.prestart[1:]))
    return spec
