"""Reads settings in any text by their indentation, braces and tags: in a comment, in Markdown, in a broken file. Pure.

No parser is sure about such a text, and none has to be: only the names above a secret are wanted.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from hermes_profiles.model.patterns import lazy_pattern

_KEY = r"[\"']?(?<![\w.-])([A-Za-z_][\w.-]{0,60})(?![\w.-])[\"']?"
_TEXT = r"(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s\"'#,;{}\[\]]+))"
# A line of settings: marks of comments and lists in front, a key, and what follows it.
_LINE = lazy_pattern(rf"(?m)^([ \t]*+(?:(?:[#>*;|-]|//)[ \t]*+)*+)(?:\{{[ \t]*+)?{_KEY}[ \t]*+[:=][ \t]*+([^\n]*)$")
_VALUE = lazy_pattern(rf"(?:[&!][\w!.-]*[ \t]+)*{_TEXT}")
_OPENS = lazy_pattern(r"(?:[{\[|>][+-]?|&[\w.-]+)?[ \t]*(?:#.*)?\r?")
# `mattermost: {url: x, token: y}`, `"mattermost": {"token": "y"}`, `resource "mattermost_bot" "x" {`, `new Client({`.
_GROUP = lazy_pattern(rf"{_KEY}[ \t]*(?:[:=][ \t]*|[\"'][\w-]*[\"'][ \t]*|\([ \t]*)?\{{")
_CALL = lazy_pattern(rf"{_KEY}\(([^(){{}}]{{1,300}})\)")
# `<mattermost><token>value</token></mattermost>`, `<mattermost token="value"/>`.
_TAG = lazy_pattern(r"<(/?)([A-Za-z_][\w.:-]{0,60})((?:\s[^<>]{0,300})?)>(?:([^\s<>]+)<)?")
_ATTRIBUTE = lazy_pattern(r"([A-Za-z_][\w.:-]{0,60})[ \t]*=[ \t]*(?:\"([^\"]*)\"|'([^']*)')")
_PAIR = lazy_pattern(rf"{_KEY}[ \t]*[:=][ \t]*(?:{_TEXT}|(\{{))|(\}})")
# `config set platforms.mattermost.token value`.
_COMMAND = lazy_pattern(rf"\b(?:config[ \t]+)?set[ \t]+([A-Za-z_]\w*(?:\.\w+)+)[ \t]+{_TEXT}")
# `--set mattermost.token=value`, `setProperty("mattermost.token", "value")`, `<property name="mattermost.token">value`.
_DOTTED = lazy_pattern(
    r"\.([A-Za-z_-]{0,30}(?i:token|secret|password|key)[\w-]{0,20})"
    r"(?:[\"']?[ \t]*[=:,][ \t]*|[ \t]+|[\"']?>)(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s\"'#,;{}\[\]<>]+))"
)
_BEFORE_DOT = lazy_pattern(r"(?<![\w./-])[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*){0,3}$")
_LONGEST_PATH = 120
_SECRET = lazy_pattern(
    r"(?i)(?:token|secret|passw(?:or)?d|key|credential|auth)[\w-]{0,40}"
    r"(?:[\"']?(?:[ \t]{0,8}[:=]|[ \t]\S)|[\"'](?:,[ \t]*[\"']|>)|>[^\s<])"
)
_LONGEST_GROUP = 2000
_DEEPEST = 12


def has_outline(text: str) -> bool:
    """Return False for a text without the name of a secret in front of a value."""
    return _SECRET.search(text) is not None


def outline_of(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (names, value) of every setting of a text, the outermost name first."""
    above: list[tuple[int, tuple[str, ...]]] = []
    for line in _LINE.finditer(text):
        indent, rest = len(line[1]), line[3]
        while above and above[-1][0] >= indent:
            above.pop()
        names = (*(above[-1][1] if above else ()), *line[2].split("."))[-_DEEPEST:]
        if _OPENS.fullmatch(rest):
            above.append((indent, names))
        elif (value := _VALUE.match(rest)) is not None:
            yield names, _first(value.groups())
    position = 0
    for group in _GROUP.finditer(text):
        if group.start() >= position:
            position = yield from _in_group(text, group.end(), tuple(group[1].split(".")))
    for call in _CALL.finditer(text):
        for pair in _PAIR.finditer(call[2]):
            if pair[1] and not pair[5]:
                yield (*call[1].split("."), *pair[1].split(".")), _first(pair.groups()[1:4])
    if "<" in text and ("</" in text or "/>" in text):
        yield from _of_tags(text)
    for command in _COMMAND.finditer(text):
        yield tuple(command[1].split(".")), _first(command.groups()[1:])
    for last in _DOTTED.finditer(text):
        before = _BEFORE_DOT.search(text, max(last.start() - _LONGEST_PATH, 0), last.start())
        if before is not None:
            yield (*before[0].split("."), last[1]), _first(last.groups()[1:])


def _in_group(text: str, start: int, names: tuple[str, ...]) -> Generator[tuple[tuple[str, ...], str], None, int]:
    """Yield the settings between the braces behind a name, and return where they end."""
    depth = [names]
    end = start
    for pair in _PAIR.finditer(text, start, start + _LONGEST_GROUP):
        end = pair.end()
        if pair[6]:
            depth.pop()
            if not depth:
                return end
        elif pair[5]:
            depth.append((*depth[-1], *pair[1].split("."))[-_DEEPEST:])
        else:
            yield (*depth[-1], *pair[1].split(".")), _first(pair.groups()[1:4])
    return end


def _of_tags(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the texts and the attributes of XML."""
    above: list[str] = []
    for tag in _TAG.finditer(text):
        if tag[1]:
            while above and above.pop() != tag[2]:
                pass
            continue
        names = (*above, tag[2])[-_DEEPEST:]
        for attribute in _ATTRIBUTE.finditer(tag[3]):
            yield (*names, attribute[1]), _first(attribute.groups()[1:])
        if not tag[3].endswith("/"):
            above.append(tag[2])
            if tag[4]:
                yield names, tag[4]


def _first(groups: tuple[str | None, ...]) -> str:
    return next(group for group in groups if group is not None)
