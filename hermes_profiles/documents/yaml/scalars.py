"""YAML 1.1 scalars as PyYAML's safe loader, which Hermes uses, reads them, and their text. Pure.

ruamel.yaml reads YAML 1.2 by default, where `on` and `yes` are text, so their tags are resolved here.
"""

from __future__ import annotations

import re

from hermes_profiles.model.patterns import lazy_pattern

TAG = "tag:yaml.org,2002:"
BOOL_TRUE = frozenset({"yes", "true", "on"})
_BOOL = lazy_pattern(r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
_INT = lazy_pattern(
    r"[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+"
    r"|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+"
)
# The long patterns are texts, which `re` compiles at their first use: commands that list profiles never use them.
_FLOAT = (
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TIMESTAMP = (
    r"(?a)\d\d\d\d-\d\d-\d\d|\d\d\d\d-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?"
    r"(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?"
)
_TIMESTAMP_PARTS = (
    r"(?a)(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.\d*)?"
    r"(?:[ \t]*(?:Z|[-+](\d\d?)(?::(\d\d))?))?)?"
)
_BOOLS = frozenset({"yes", "no", "true", "false", "on", "off"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
# Characters that a plain scalar must not begin with, contain or end with. Flow context is the stricter one.
_PLAIN = r"(?![-?:](?:\s|$))[^\s\-?:,\[\]{}#&*!|>'\"%@`][^,\[\]{}]*|[-?:][^\s,\[\]{}][^,\[\]{}]*"
# The pattern for all characters takes 2 ms to be compiled.
_NOT_PLAIN_ASCII = r": |:$|\s#|^\s|\s$|^---|^\.\.\.|[^\x20-\x7e]"
_NOT_PLAIN = (
    r": |:$|\s#|^\s|\s$|^---|^\.\.\.|[\u2028\u2029]"
    r"|[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_ESCAPE = r'["\\\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]'


def resolve_plain(value: str) -> str:
    """Return the short tag of a plain scalar: null, bool, int, float, timestamp, merge, value or str."""
    first = value[:1]
    if first in "yYnNtTfFoO~" and (value in _NULL or _BOOL.fullmatch(value)):
        return "null" if value in _NULL else "bool"
    if value.isascii() and value.isdecimal() and first != "0":
        return "int"
    if first in "-+0123456789." and (value.lower().endswith((".inf", ".nan")) or any(map(str.isdigit, value))):
        if _INT.fullmatch(value):
            return "int"
        if re.fullmatch(_FLOAT, value):
            return "float"
        if re.fullmatch(_TIMESTAMP, value):
            return "timestamp"
    if value == "<<":
        return "merge"
    return "value" if value == "=" else "str"


def construct(tag: str, value: str) -> object:
    """Return the Python value of a scalar; timestamps and binaries stay text.

    Raises ValueError when the text does not fit an explicit tag.
    """
    if tag == "null":
        return None
    if tag == "bool":
        return value.lower() in BOOL_TRUE
    if tag == "int":
        return _int(value)
    if tag == "float":
        return _float(value)
    return value


def is_readable(tag: str, value: str) -> bool:
    """Return whether PyYAML's safe loader can construct a scalar; one that it cannot costs Hermes the whole file.

    `2026-02-30` and `=` have tags of their own. The mark `<<` is a key only.
    """
    if tag in ("merge", "value"):
        return False
    if tag == "bool":
        return _BOOL.fullmatch(value) is not None or value.lower() in _BOOLS
    if tag == "timestamp":
        return _is_time(value)
    try:
        construct(tag, value)
    except ValueError:
        return tag not in ("int", "float")
    return True


def _is_time(value: str) -> bool:
    from datetime import datetime, timedelta

    match = re.fullmatch(_TIMESTAMP_PARTS, value)
    if match is None:
        return False
    numbers = [int(part) for part in match.groups()[:6] if part is not None]
    hours, minutes = int(match[7] or 0), int(match[8] or 0)
    try:
        datetime(*numbers)  # type: ignore[arg-type]
        return hours < 24 and timedelta(hours=hours, minutes=minutes) < timedelta(days=1)
    except (ValueError, OverflowError):
        return False


def _int(text: str) -> int:
    value = text.replace("_", "")
    sign = -1 if value.startswith("-") else 1
    value = value.lstrip("+-")
    if value == "0":
        return 0
    if value.startswith("0b"):
        return sign * int(value[2:], 2)
    if value.startswith("0x"):
        return sign * int(value[2:], 16)
    if value.startswith("0"):
        return sign * int(value, 8)
    if ":" in value:
        total = 0
        for digits in value.split(":"):
            total = total * 60 + int(digits)
        return sign * total
    return sign * int(value)


def _float(text: str) -> float:
    value = text.replace("_", "").lower()
    sign = -1.0 if value.startswith("-") else 1.0
    value = value.lstrip("+-")
    if value in (".inf", ".nan"):
        return sign * float(value[1:])
    if ":" in value:
        total = 0.0
        for digits in value.split(":"):
            total = total * 60 + float(digits)
        return sign * total
    return sign * float(value)


def is_plain_safe(text: str) -> bool:
    """Return whether the text can be written without quotes, in flow context too."""
    not_plain = _NOT_PLAIN_ASCII if text.isascii() else _NOT_PLAIN
    return bool(text) and re.fullmatch(_PLAIN, text) is not None and re.search(not_plain, text) is None


def double_quoted(text: str) -> str:
    """Return the text as a double-quoted scalar on one line."""
    return f'"{re.sub(_ESCAPE, _escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def single_quoted(text: str) -> str | None:
    """Return the text as a single-quoted scalar on one line, or None when only double quotes can hold it."""
    if re.search(_ESCAPE, text.replace('"', "").replace("\\", "")):
        return None
    return "'" + text.replace("'", "''") + "'"


def render(text: str, *, as_text: bool) -> str:
    """Return the text of a scalar that reads as a string (`as_text`), or as the plain text does (`false` as a bool)."""
    if is_plain_safe(text) and (not as_text or resolve_plain(text) == "str"):
        return text
    return double_quoted(text)
