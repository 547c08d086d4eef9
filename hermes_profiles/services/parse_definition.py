"""Parses an installed definition of any manager: home, profile, program, folder, PATH. Pure.

Every file is accepted; of one that cannot be parsed, only certain values are returned.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import LAUNCHER_FILE
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.systemd.quoting import unspecified
from hermes_profiles.services.systemd.unit_file import UnitDocument, parse_unit

from .hermes_command import parse_command
from .manager import ManagerKind
from .spec import Program, ServiceSpec

# `%(name).0s`, with which we spell blanks that supervisord's reader would cut off.
_NOTHING = lazy_pattern(r"%\([a-z_]+\)\.0s")
_EXPORT = lazy_pattern(r"""\bexport ([A-Z_]+)=((?:'[^']*'|"[^"]*")+);""")
_PAIR = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[^,]*)")
_HELPER = lazy_pattern(r"""('[^'\n]*'|[^\s;'"]+) -I -m hermes_profiles\.cli\.gateways prestart """)
_PLIST_HOME = lazy_pattern(rb"<key>HERMES_HOME</key>\s*<string>([^<]*)</string>")
# Literally: Hermes escapes nothing, and of a path with a quote in it systemd reads nothing at all.
_UNIT_HOME = lazy_pattern(rb'^\s*Environment=\s*"?HERMES_HOME=(.*?)"?\s*$', re.MULTILINE)


class ParsedDefinition(NamedTuple):
    """The values of a definition; "" and () for one that is missing.

    `home`: HERMES_HOME; `raw_home`: the same as literal text, which Hermes writes without escapes;
    `overridden_homes`: homes in one part of the definition that another part overrides; `selected`: the profile named
    by the arguments; `program`: what is run, `is_launcher` when that is `hermes` itself; `helper`: the Python that
    refreshes the overlay before a start; `hermes`: Hermes' own part, where that names another program.
    """

    home: str = ""
    raw_home: str = ""
    overridden_homes: tuple[str, ...] = ()
    selected: str = ""
    program: str = ""
    is_launcher: bool = False
    venv: str = ""
    directory: str = ""
    path: tuple[str, ...] = ()
    helper: str = ""
    hermes: UnitDocument | None = None


def parse_definition(kind: ManagerKind, content: bytes, drop_ins: Sequence[bytes] = ()) -> ParsedDefinition:
    """Return the values of a definition; `drop_ins`: of a unit, in the order in which systemd reads them."""
    if kind is ManagerKind.SYSTEMD:
        return _of_unit(content, drop_ins)
    return _of_plist(content) if kind is ManagerKind.LAUNCHD else _of_program(content)


def _of_unit(content: bytes, drop_ins: Sequence[bytes]) -> ParsedDefinition:
    base = parse_unit(content)
    documents = [base, *map(parse_unit, drop_ins)]
    unit = UnitDocument(tuple(setting for document in documents for setting in document.settings))
    own = [document.environment() for document in documents]
    # Our drop-in resets the variables before it, so usually it alone counts.
    variables = own[-1] if _resets_variables(documents[-1]) else unit.environment()
    raw_home = _claimed([content, *drop_ins])
    home = variables.get(HERMES_HOME, "").rstrip("/") or raw_home
    named = [part.get(HERMES_HOME, "").rstrip("/") for part in own]
    helper = unit.command("ExecStartPre")
    parsed = _parsed(unit.command("ExecStart"), variables, home)
    is_same = len(documents) == 1 or parse_command(base.command("ExecStart"))[0] == parsed.program
    return parsed._replace(
        raw_home=raw_home,
        overridden_homes=tuple(dict.fromkeys(other for other in named if other and other != home)),
        directory=unspecified(unit.last("WorkingDirectory")).rstrip("/"),
        helper=helper[0] if helper[1:4] == ("-I", "-m", "hermes_profiles.cli.gateways") else "",
        hermes=None if is_same else base,
    )


def _resets_variables(document: UnitDocument) -> bool:
    first = next((setting.text for setting in document.settings if setting.key == "Environment"), None)
    return first == ""


def _claimed(contents: Sequence[bytes]) -> str:
    found = [text for content in contents for text in _UNIT_HOME.findall(content)]
    return found[-1].decode("utf-8", "replace").rstrip("/") if found else ""


def _exported(words: tuple[str, ...]) -> dict[str, str]:
    """Return the variables that the shell of a program sets: those with a quote, which `environment=` cannot hold."""
    code = words[2] if words[:2] == ("/bin/sh", "-c") and len(words) > 2 else ""
    return {name: "".join(shlex.split(text)) for name, text in _EXPORT.findall(code)}


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
    variables |= _exported(words)
    parsed = _parsed(words, variables, variables.get(HERMES_HOME, "").rstrip("/"))
    return parsed._replace(directory=_unspelled(lines.get("directory", "")).rstrip("/"), helper=_helper(words))


def _of_plist(content: bytes) -> ParsedDefinition:
    from hermes_profiles.services.launchd.render import parse_plist

    try:
        job = parse_plist(content)
    except Failed:  # Hermes escapes nothing: with a `&` in its path it is no property list
        found = _PLIST_HOME.search(content)
        return ParsedDefinition(home=found[1].decode("utf-8", "replace").rstrip("/") if found else "")
    variables = _texts(job.get("EnvironmentVariables"))
    given = job.get("ProgramArguments")
    words = tuple(word for word in given if isinstance(word, str)) if isinstance(given, list) else ()
    directory = job.get("WorkingDirectory")
    parsed = _parsed(words, variables, variables.get(HERMES_HOME, "").rstrip("/"))
    return parsed._replace(directory=directory.rstrip("/") if isinstance(directory, str) else "", helper=_helper(words))


def _texts(found: Any) -> Mapping[str, str]:
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _unspelled(text: str) -> str:
    return _NOTHING.sub("", text).replace("%%", "%")


def _parsed(words: tuple[str, ...], variables: Mapping[str, str], home: str) -> ParsedDefinition:
    if len(words) > 4 and words[1] == "-c" and words[3] == UNIT:
        words = words[4:]
    program, is_launcher, selected = parse_command(words)
    path = tuple(folder for folder in variables.get("PATH", "").split(":") if folder)
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


def with_programs_of(
    spec: ServiceSpec, installed: ParsedDefinition, *, works: Callable[[str], bool | None]
) -> ServiceSpec:
    """Return the spec with the programs of an installed definition, as far as they work.

    Which Hermes and which hermes-profiles are found depends on the calling shell, and a service that works with
    another one needs no rewrite. Hermes' own part counts first, because Hermes rewrites it.
    """
    if installed.hermes is not None:
        variables = installed.hermes.environment()
        program, is_launcher, _ = parse_command(installed.hermes.command("ExecStart"))
        installed = installed._replace(
            program=program,
            is_launcher=is_launcher,
            venv=variables.get("VIRTUAL_ENV", ""),
            path=tuple(folder for folder in variables.get("PATH", "").split(":") if folder) or installed.path,
        )
    if works(installed.program) and not _is_replaced(installed, spec.program):
        path = installed.path or spec.program.path
        launcher = installed.program if installed.is_launcher else None
        kept = Program(installed.program, installed.venv or None, path, launcher, spec.program.facts)
        spec = spec._replace(program=kept)
    if spec.prestart and works(installed.helper):
        spec = spec._replace(prestart=(installed.helper, *spec.prestart[1:]))
    return spec


def _is_replaced(installed: ParsedDefinition, found: Program) -> bool:
    """Return whether the installed program is no longer the one of its installation.

    An update to a release with launchers can leave the old virtual environment in the checkout, with old code in it.
    A `hermes` script of a release without launchers is not what Hermes' own definitions run.
    """
    if installed.is_launcher and not installed.program.endswith(f"/{LAUNCHER_FILE}"):
        return True
    if found.launcher is None:
        return False
    checkout = found.launcher.removesuffix(LAUNCHER_FILE)
    return installed.program != found.launcher and installed.program.startswith(checkout)
