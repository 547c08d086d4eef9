"""Quotes arguments, variables and folders for systemd, and parses them as systemd does. Pure.

The rules were checked by running units under systemd 252; Hermes itself quotes nothing.
"""

from __future__ import annotations

import unicodedata

from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.spec import ServiceSpec

_BLANKS = " \t\n\r"
# Characters without a special meaning, outside and inside quotes.
_PLAIN = {"": lazy_pattern(r"[^\\\"' \t\n\r]+"), '"': lazy_pattern(r'[^\\"]+'), "'": lazy_pattern(r"[^\\']+")}
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "s": " ",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
_NUMBERED = lazy_pattern(r"x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")


def checked(text: str, what: str) -> str:
    """Return the text unchanged, if a service definition of any manager can hold it.

    Raises UsageProblem for a line break, another control character, or bytes that are not UTF-8: neither unit files nor
    plists can hold them.
    """
    if text.isascii() and text.isprintable():  # nearly every text
        return text
    for character in text:
        # systemd and XML both refuse noncharacters (U+FFFE …).
        is_noncharacter = ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF
        if unicodedata.category(character) in ("Cc", "Cs") or is_noncharacter:
            raise UsageProblem(
                f"{what} has the character {character!a}, which no service definition can hold: {text!a}",
                code="unspeakable-path",
                hint="rename the folder, then run the command again",
            )
    return text


def check_spec(spec: ServiceSpec) -> None:
    """Raise UsageProblem when a service definition cannot hold a path, name or value of the spec."""
    checked(spec.profile, "the profile's name")
    checked(str(spec.home), "the path of the profile")
    checked(spec.program.executable, "the path of Hermes' program")
    checked(str(spec.log), "the path of the log")
    for word in spec.prestart:
        checked(word, "the command that refreshes the overlay")
    for name, content in spec.environment:
        checked(name + content, f"the variable {name!a}")


def quote_argument(text: str) -> str:
    """Return an argument of a command line (`ExecStart=` and its kin) as systemd must read it."""
    return _word(text, is_executable=False)


def command_line(words: tuple[str, ...]) -> str:
    """Return a whole command for `ExecStart=` and its kin.

    systemd refuses an executable with a quote or a backslash in its path, in any notation: a shell starts such a
    one with `exec`.
    """
    if any(character in words[0] for character in "\"'\\"):
        words = ("/bin/sh", "-c", 'exec "$@"', UNIT, *words)
    return " ".join([_word(words[0], is_executable=True), *(quote_argument(word) for word in words[1:])])


def _word(text: str, *, is_executable: bool) -> str:
    # No quotes where none are needed, so that the text is equal to Hermes' own.
    special = _BLANKS + "\"'\\%" + ("" if is_executable else "$")
    if text and text != ";" and not any(character in text for character in special):
        return text
    # Only in the path of the executable does systemd expand no variables: `$$` would stay `$$` there.
    return _quoted(text if is_executable else text.replace("$", "$$"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def assignment(name: str, content: str) -> str:
    """Return NAME=content for `Environment=`, where `$` is not special."""
    return _quoted(f"{name}={content}")


def directory(path: str) -> str:
    """Return a path for `WorkingDirectory=`, which has no quotes: only `%` is special.

    A final slash, which systemd drops, protects a blank or backslash at the end from being cut off or joining the next
    line.
    """
    return path.replace("%", "%%") + ("/" if path.endswith((" ", "\\")) else "")


def unspecified(text: str) -> str:
    """Return the text with `%%` read as `%`; other specifiers stay: only the manager can expand them."""
    return text.replace("%%", "%")


def split(text: str) -> tuple[str, ...] | None:
    """Return the words of a line as systemd splits and unquotes it; None for an open quote."""
    words: list[str] = []
    current: str | None = None
    quote = ""
    position = 0
    while position < len(text):
        run = _PLAIN[quote].match(text, position)
        if run is not None:
            current, position = (current or "") + run[0], run.end()
            continue
        character = text[position]
        position += 1
        if character == "\\":
            if position == len(text):
                return None
            piece, position = _escape(text, position)
            current = (current or "") + piece
        elif quote:
            quote = ""
        elif character in "\"'":
            quote, current = character, current or ""
        elif current is not None:
            words.append(current)
            current = None
    if quote:
        return None
    return (*words, current) if current is not None else tuple(words)


def _escape(text: str, position: int) -> tuple[str, int]:
    """Return the text of the escape after a backslash, and where it ends; an unknown one is kept."""
    numbered = _NUMBERED.match(text, position)
    if numbered:
        octal = numbered[2]
        number = int(octal, 8) if octal else int(numbered[1] or numbered[3] or numbered[4], 16)
        if number <= 0x10FFFF:
            return chr(number), numbered.end()
    return _ESCAPES.get(text[position], "\\" + text[position]), position + 1
