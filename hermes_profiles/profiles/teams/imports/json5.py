"""JSON5 as JSON: what people write into openclaw.json by hand (comments, commas at the end, bare keys). Pure.

Source: the JSON5 specification 1.0.0. Every line stays where it is, so that messages name the right one.
"""

from __future__ import annotations

import json
import re

from hermes_profiles.model.result import DocumentError

_TOKEN = re.compile(
    r"""(?P<blank>[\s\ufeff]+)
    | (?P<comment>//[^\n\r\u2028\u2029]* | /\*.*?\*/)
    | (?P<text>"(?:[^"\\\n\r]|\\(?:\r\n|.))*" | '(?:[^'\\\n\r]|\\(?:\r\n|.))*')
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|Infinity|NaN)(?![\w$]))
    | (?P<word>[^\W\d][\w$]*|\$[\w$]*)
    | (?P<mark>[{}\[\]:,])""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(\r\n|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_LITERALS = ("true", "false", "null")
_LINE_END = re.compile(r"\r\n|\n|\r")
_LINE_ENDS = ("\n", "\r", "\r\n", "\u2028", "\u2029")
# A number longer than this is none that a setting has; Python would refuse it later.
_LONGEST = 300


def json_of(text: str, path: str) -> str:
    """Return a JSON5 text as JSON. Raises DocumentError with the line of what is not JSON5."""
    return "".join(_pieces(text, path))


def _pieces(text: str, path: str) -> list[str]:
    pieces: list[str] = []
    comma = -1  # the last comma, while nothing but blanks and comments follow it
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or (match.lastgroup == "number" and len(match[0]) > _LONGEST):
            raise _wrong(path, text, at)
        kind, word = match.lastgroup, match[0]
        at = match.end()
        if kind in ("blank", "comment"):
            pieces.append("".join(each if each in "\n\r" else " " for each in word))
            continue
        if word in ("}", "]") and comma >= 0:
            pieces[comma] = " "
        comma = len(pieces) if word == "," and pieces and _last(pieces) not in (",", "{", "[") else -1
        is_key = _is_key(text, at)
        if kind == "word" and not is_key and word not in _LITERALS:
            raise _wrong(path, text, match.start())
        pieces.append(_as_json(kind or "", word, is_key=is_key))
    return pieces


def _wrong(path: str, text: str, at: int) -> DocumentError:
    line = len(_LINE_END.findall(text[:at])) + 1
    return DocumentError(path, line, "this is not JSON5", hint="mend this line, then try again")


def _last(pieces: list[str]) -> str:
    return next((piece for piece in reversed(pieces) if piece.strip()), "")


def _is_key(text: str, at: int) -> bool:
    """Return whether a colon comes next."""
    while (match := _TOKEN.match(text, at)) is not None and match.lastgroup in ("blank", "comment"):
        at = match.end()
    return text.startswith(":", at)


def _as_json(kind: str, word: str, *, is_key: bool) -> str:
    if kind == "text":
        return _text(word)
    if kind == "mark":
        return word
    if is_key:
        return json.dumps(word)
    return word if kind == "word" else _number(word)


def _number(word: str) -> str:
    sign, digits = ("-" if word[0] == "-" else ""), word.lstrip("+-")
    if digits[:2] in ("0x", "0X"):
        return f"{sign}{int(digits, 16)}"
    if digits in ("Infinity", "NaN"):
        return "null"
    whole, dot, rest = digits.partition(".")
    if dot:
        rest = rest if rest[:1].isdigit() else f"0{rest}"
    return f"{sign}{whole or '0'}{dot}{rest}"


def _text(word: str) -> str:
    lines = len(_LINE_END.findall(word))  # a text goes on after a backslash
    return json.dumps(_ESCAPE.sub(_unescaped, word[1:-1])) + "\n" * lines


def _unescaped(match: re.Match[str]) -> str:
    word = match[1]
    if word in _LINE_ENDS:
        return ""
    if word[0] in "ux" and len(word) > 1:
        return chr(int(word[1:], 16))
    return _ESCAPES.get(word, word)
