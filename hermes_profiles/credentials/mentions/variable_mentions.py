"""Finds values of identity variables in prose and code: `# old: TELEGRAM_BOT_TOKEN=…`, `DISCORD_BOT_TOKEN: '…'`. Pure.

A comment or a script can hold the token of an earlier bot. The name beside the value says which channel it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from itertools import chain, pairwise

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass, KeyFact
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from ..identities import is_example

_NAME = lazy_pattern(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![A-Za-z0-9_])")
# Two underscores or a full stop join names of nested settings: `APP__MATTERMOST__TOKEN`.
_JOINED_NAME = lazy_pattern(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9]*(?:(?:_{1,2}|\.)[A-Z0-9]+)+(?![A-Za-z0-9_])")
_JOINT = lazy_pattern(r"__|\.")
_NUMBER = lazy_pattern(r"(?<=[A-Z])\d{1,2}$")
# Names in other spellings, `telegram_bot_token` and `telegramBotToken`: only those that end like one of a secret.
_ANY_NAME = lazy_pattern(r"(?<![A-Za-z0-9_])[A-Za-z][A-Za-z0-9_-]{0,80}(?i:token|secret|password|key)(?![A-Za-z0-9_])")
_HUMP = lazy_pattern(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WIDTH = lazy_pattern("[\u00ad\u200b-\u200f\u2060\ufeff]+")
# Between the texts of a binary file: lengths, types, ends.
_BETWEEN = lazy_pattern("_?[\x00-\x08\x0e-\x1f\ufffd]+")
_BLANK = "[ \\t\u00a0\u3000]"
_TEXT_MARK = r"(?:[bruBRUfF]{1,2})?[\"'`]|@[\"']"
_VALUE = r"(?:\\?\"([^\"\n\\]+)\\?\"|\\?'([^'\n\\]+)\\?'|`([^`\n]+)`|([^\s\"'`,;<>&|]+))"
# Arrows, dashes and "is" of other languages; quotation marks of theirs.
_SAYS_IS = "[\u2013\u2014\u2192\u21d2\u662f\u4e3a\u70ba\u306f]"
_OPENING = "[\u00ab\u201c\u201e\u2018\u300c\u300e\u3010]"
_CLOSING = ".:)]}!?|&\u00bb\u201c\u201d\u2019\u300d\u300f\u3011\u3002\uff0c\uff1b\u3001"
# The sign between a name and its value: `=`, `:`, `:=`, `->`, with quotes and blanks around it.
# Behind it, a shell can open an array or `$'…'`, or go on in the next line.
_ASSIGNED = lazy_pattern(
    rf"(?:\\?[\"'`])?\**\]?{_BLANK}*(?::=|:-|=>|->|=|:|\||\uff1d|\uff1a|{_SAYS_IS}){_BLANK}*(?:\\\r?\n[ \t]*)?"
    rf"(?:\$(?=[\"'])|[(\[](?=[\"'])|{_OPENING}{_BLANK}*)?{_VALUE}"
)
# `NAME=$(echo value)`, in backquotes, in brackets of fish and PowerShell: what the command prints. It is never run.
_PRINTED = lazy_pattern(
    rf"(?:\\?[\"'])?(?:{_BLANK}*(?:[:+]?=|:))?{_BLANK}*[\"']?(?:\$\(|`|\()[ \t]*"
    r"(?:(?:command|builtin|exec)[ \t]+|(?:/usr)?/bin/)?"
    r"(?:(?:echo|printf|print|Write-Output)\b([^\n`]*)|\w+[^\n`)]*<<<([^\n`]*))"
)
_PRINTED_WORD = lazy_pattern(r"\"([^\"\n]*)\"|'([^'\n]*)'|([^\s\"'|;&<>()`]+)")
# `set -x NAME value` of fish, `setx`, `setenv`, `ENV NAME value` of a Dockerfile, `launchctl setenv`.
_SET_BEFORE = lazy_pattern(
    r"(?:^|[\s;&|(])(?:set(?:[ \t]+-\w+)+|set[ \t]+-\w+|setx|setenv|ENV|export"
    r"|set-environment(?:[ \t]+-\w+)*)[ \t]+$"
)
_SET = lazy_pattern(rf"[ \t]+{_VALUE}")
# `os.environ.setdefault("NAME", "value")`, `[Environment]::SetEnvironmentVariable('NAME', 'value')`.
_ARGUMENT = lazy_pattern(r"[\"'][ \t]*,[ \t]*(?:\"([^\"\n]+)\"|'([^'\n]+)')")
# `<key>NAME</key> <string>value</string>` of launchd; `name: NAME` and `value: value` of Kubernetes and XML.
_NEXT_VALUE = lazy_pattern(
    r"</key>\s*<string>([^<\n]+)</string>"
    r"|[\"']?[ \t]*+(?:,\s*+|\s*+)[\"']?(?i:value)[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"'<>,}]+)"
    r"|>([^<>\n]+)</"
)
# Between the name and the value of one item: `"type": "secret", "description": "…"`.
_FIELD = (
    r"(?!(?i:name|key|id|env|value)\b)\w+[\"']?[ \t]*[:=][ \t]*"
    r"(?:\"[^\"\n]{0,80}\"|'[^'\n]{0,80}'|[\w./ -]{1,60}(?=\r?\n)|[\w./-]{1,40})"
)
# `"value": "…", "name": "NAME"`, `Field("…", env="NAME")`: the value first. A new item of a list begins another pair.
_VALUE_FIRST = lazy_pattern(
    r"(?:(?i:value)[\"']?[ \t]*[:=][ \t]*|\([ \t]*(?:default[ \t]*=[ \t]*)?(?=[\"']))"
    r"(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\s\"'<>,}]+))"
    rf"[ \t]*,?(?:\s*[\"']?{_FIELD},?){{0,4}}"
    r"\s*[\"']?(?i:name|key|env|alias|validation_alias)[\"']?[ \t]*[:=][ \t]*[\"']?$"
)
# `echo value | docker secret create NAME -`, `printf %s value > NAME`.
_PIPED = lazy_pattern(
    r"(?:echo|printf)[ \t]+(?:-\w+[ \t]+|[\"']?%s\S{0,4}[ \t]+)*[\"']?([^\s\"'|<>]+)[\"']?[ \t]*[|>][^|\n]{0,60}$"
)
# The text behind what a template or an expression prefers: `${A:-value}`, `default('value')`, `getenv(…) or 'value'`.
_FALLBACK = lazy_pattern(
    r"(?:\$\{\w+:?[-=+]|\|\|[ \t]*|\?\?[ \t]*|\bor[ \t]+|\b(?i:default|fallback|get\w*|env)\([^()\n]{0,40}?)[\"']?"
    r"([^\s\"'`,;<>(){}\[\]|$]+)"
)
_FURTHER_VALUE = lazy_pattern(
    rf"[\"']?(?:\s*,?\s*[\"']?{_FIELD}){{1,4}}\s*,?\s*[\"']?(?i:value|default|secret)[\"']?[ \t]*:[ \t]*"
    r"[\"']?([^\s\"'<>,}]+)"
)
# A database of SQLite, and its log, of which a byte is not UTF-8.
_DATABASES = ("SQLite format 3\x00", "7\x7f\x06\ufffd\x00-\ufffd\x18")
_LONGEST_VALUE = 300
_WINDOW = 600
_NEAR = lazy_pattern(
    "(?:[:=][ \\t]*(?:[$!]\\(?\\w+|`\\w+)[ \\t]+|[:=\uff08 \\t]{1,4})([^\\s\"'`,;<>()\\[\\]{}=:$\uff09]+)"
)
# Between a name and its text: a type, calls, a bracket that goes on in the next line.
_TYPE = r"[\w.\[\], |<>&?*]{1,60}"
_CALLS = r"(?:new[ \t]+)?(?:[\w.]{1,40}\([^()\"'\n]{0,40}\)\.){0,4}[\w.]{1,40}\((?:[ \t]*\w+[ \t]*=[ \t]*)?"
_FAR = lazy_pattern(
    rf"[\"']?[ \t]{{0,8}}\??(?::[ \t]*{_TYPE}?=|[ \t]\w+[ \t]*=)[ \t]*(?={_TEXT_MARK})"
    rf"|[\"']?\s*+(?:\][ \t]*+)?[:=][ \t]*(?:{_CALLS}|\(\s*|\\?\r?\n[ \t]*)?(?={_TEXT_MARK})"
    rf"|[ \t]+(?=[\"'])"
    rf"|[\"'][ \t]*,[ \t]*(?:\w+[ \t]*=[ \t]*[\w.]+[ \t]*,[ \t]*){{0,3}}(?i:default|value|secret)[ \t]*=[ \t]*(?=[\"'])"
    rf"|[\"'][ \t]*\{{\s*(?:\w+[ \t]*=[ \t]*[\w\"']+\s+){{0,4}}default[ \t]*=[ \t]*(?=[\"'])"
    rf"|</dt>\s*<dd>(?=[\w])"
)
_FAR_TEXT = lazy_pattern(
    r"(?:[bruBRUfF]{1,2})?(?:\"{3}\s*([^\"\n]+)|'{3}\s*([^'\n]+)|\"([^\"\n]+)\"|'([^'\n]+)'|`([^`\n]+)`"
    r"|@[\"']\r?\n(.+)|([^\s<>]+)(?=</dd>))"
)
# A text alone in one of the next lines: of a here document, a definition, a code block.
_ALONE = lazy_pattern(
    r"[\"'`*]*+[ \t]*+[:=]?[ \t]*+(?:#[^\n]*+)?(?:<<[-~]?[ \t]*+[\"']?\w+[\"']?[ \t]*+)?\r?\n"
    r"(?:[ \t]*+(?:[`~]{3}\w*+[ \t]*+)?\r?\n){0,2}[ \t]*+(?:[:>-][ \t]*+)?`?([^\s`]+)`?[ \t]*+(?:\r?\n|$)"
)
# A row of a table: `NAME,value`.
_ROW = lazy_pattern(r"[\"']?[,;][ \t]*[\"']?([^\s\"',;]+)")
_TOKEN = lazy_pattern("[^\\s\"'`,;<>()\\[\\]{}=\uff08\uff09\u3001\u3002]+")
_ASCII_TOKEN = lazy_pattern("[!#-&*+./0-:?-Z\\\\^_a-z|~-]+")
_CLASSES = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
_SHORTEST_GENERATED = 16
_MOST_WORDS = 12
# Between a name in an expression and the value of another one: `os.environ["NAME"], sha="…"`.
_OF_ANOTHER = lazy_pattern(r"[\"']?[ \t]*[\])].*\w[ \t]*=[ \t]*[\"']?")
# The word in front of a hash or an id, which is no credential: `see commit 8e5e7e5ab8b3…`.
_SAYS_HASH = lazy_pattern(
    r"(?i:\b(?:commit|revision|rev|sha-?\d{0,3}|digest|hash|checksum|etag|uuid|md5)\b)"
    r"(?:[ \t]+(?:is|was|id|of))?[ \t:=@`#(\"'*]*$"
)
# The end of a template, `${{ secrets.NAME }}`: what follows is a comment.
_IN_TEMPLATE = lazy_pattern(r"[ \t]*\}")
# How far from a name in a sentence its value can be.
_SENTENCE = 120
_SHORTEST_IN_CODE = 12
_SHORTEST = 8
# Possessive: a long text that does not match would otherwise be split in every possible way, for hours.
_WORDS = lazy_pattern(r"(?:[A-Za-z]{1,20}+[ '._/-]?+){1,8}+")
_SMALL_ENDINGS = (b"token", b"secret", b"password", b"_key", b"private-key")
# A call, an attribute or a name in code: no value.
_EXPRESSION = lazy_pattern(r"[A-Za-z_][A-Za-z_]*\d?(?:[.(\[].*)?")
# A call of a function: `secrets.token_urlsafe(32`.
_CALL = lazy_pattern(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\(.*")
# Beginnings of texts in the place of a value: variables of a shell, templates, code.
_NO_VALUE = ("$", "%", "<", "{", "(", "@", "\\", "your", "os.", "process.", "env.", "op://", "config", "self.")


class Mention(NamedTuple):
    """A value beside the name of a variable."""

    fact: KeyFact
    value: str

    def __repr__(self) -> str:
        return f"Mention({self.fact.name})"


def mentions_in_comment(text: str, catalog: Catalog) -> Iterator[Mention]:
    """Yield the values of identity variables in a comment, or in another text that no program runs.

    Behind a name on the same line, a word that looks generated is its value even without a sign between them.
    """
    for line in text.splitlines():
        names = list(_NAME.finditer(line))
        for number, name in enumerate(names):
            fact = catalog.lookup(name.group())
            if fact is None or fact.channel is None or not fact.known:
                continue
            end = names[number + 1].start() if number + 1 < len(names) else len(line)
            value = _assigned(line, name.end())
            if value and _may_be_secret(value, _SHORTEST):
                yield Mention(fact, value)
            for word in _TOKEN.finditer(line, name.end(), end) if fact.secret else ():
                token = word.group().strip(".:*_!?-")
                if token != value and _is_generated(token) and not _SAYS_HASH.search(line, 0, word.start()):
                    yield Mention(fact, token)


def mentions_in_code(text: str, catalog: Catalog) -> Iterator[Mention]:
    """Yield the values that a script or a document assigns to variables that give access to a channel."""
    text = _NO_WIDTH.sub("", text).replace("\\_", "_")
    if "\x00" in text:
        if text.startswith(_DATABASES):
            yield from _glued(text, catalog)
        text = _BETWEEN.sub("\n", text)
    yield from _of_variables(text, catalog)
    for name in _ANY_NAME.finditer(text):
        spelled = _spelled(name.group())
        fact = _secret_fact(spelled, catalog) if spelled != name.group() else None
        if fact is None:
            continue
        for value in _all_assigned(text, name.start(), name.end()):
            # A name like `telegram_token` is also that of a variable in code, beside an expression.
            if _is_generated(value) and not _EXPRESSION.fullmatch(value):
                yield Mention(fact, value)
        for value in _far_assigned(text, name.start(), name.end()):
            if is_strong(value):
                yield Mention(fact, value)


def _of_variables(text: str, catalog: Catalog, *, sentences: bool = True) -> Iterator[Mention]:
    for name in _JOINED_NAME.finditer(text):
        fact = _secret_fact(_plain_name(name.group()), catalog)
        if fact is None:
            continue
        values = tuple(_all_assigned(text, name.start(), name.end()))
        found = [
            value
            for value in chain(values, _printed(text, name.end()))
            if _may_be_secret(value, _SHORTEST_IN_CODE) and _is_mixed(value) and not _CALL.fullmatch(value)
        ]
        found += [value for value in _far_assigned(text, name.start(), name.end()) if is_strong(value)]
        if values and not found:  # `NAME=$(echo …)`, `NAME: !secret …`
            near = _NEAR.match(text, name.end())
            found += [near[1]] if near is not None and is_strong(near[1]) else []
            line = text[name.end() : name.end() + _LONGEST_VALUE].partition("\n")[0]
            found += [match[1] for match in _FALLBACK.finditer(line) if is_strong(match[1])]
        yield from (Mention(fact, value) for value in dict.fromkeys(found))
        # A sentence: `MATTERMOST_TOKEN is now …`.
        if sentences and not values and not _IN_TEMPLATE.match(text, name.end()):
            line = text[name.end() : name.end() + _SENTENCE].partition("\n")[0]
            for word in _ASCII_TOKEN.finditer(line):
                token = word.group().strip(".:*_!?-")
                is_another = _OF_ANOTHER.fullmatch(line, 0, word.start()) or _SAYS_HASH.search(line, 0, word.start())
                if not is_another and _is_random(token) and _may_be_secret(token, _SHORTEST_GENERATED):
                    yield Mention(fact, token)


def _glued(text: str, catalog: Catalog) -> Iterator[Mention]:
    """Yield the values of a database whose row has nothing between a name and its value."""
    for name in _secret_names(catalog).finditer(text):
        value = _ASCII_TOKEN.match(text, name.end())
        fact = catalog.lookup(name.group())
        if fact is not None and value is not None and is_strong(value.group()):
            yield Mention(fact, value.group())


def secret_fact(name: str, catalog: Catalog) -> KeyFact | None:
    """Return the secret of a channel that a name in any spelling is: `MATTERMOST_TOKEN`, `mattermostToken`."""
    return _secret_fact(_spelled(name), catalog)


def is_written_secret(value: str) -> bool:
    """Return whether a value can be a credential: no template, placeholder, words or sentence."""
    return _may_be_secret(value, _SHORTEST) and _is_mixed(value) and not any(char.isspace() for char in value)


def _plain_name(name: str) -> str:
    """Return a name with one underscore between its words, and without a number behind them."""
    return _NUMBER.sub("", _JOINT.sub("_", name))


def _spelled(name: str) -> str:
    return _HUMP.sub("_", name).replace("-", "_").upper()


def _secret_fact(name: str, catalog: Catalog) -> KeyFact | None:
    """Return the secret of a channel that a name is, or that the user made it from: `WORK_TELEGRAM_BOT_TOKEN`."""
    fact = catalog.lookup(name)
    if fact is not None and fact.known:
        return fact if fact.secret and fact.key_class in _CLASSES else None
    words = name.split("_")[-_MOST_WORDS:]
    for first in range(len(words) - 1):
        for last in range(len(words), first + 1, -1):
            inner = catalog.lookup("_".join(words[first:last])) if (first, last) != (0, len(words)) else None
            if inner is not None and inner.known and inner.secret and inner.key_class is _CLASSES[0]:
                return inner
    return None


def _all_assigned(text: str, start: int, end: int) -> Iterator[str]:
    """Yield the values that can be assigned to the name at this place, in the ways of all languages."""
    value = _assigned(text, end)
    if value:
        yield value
        return
    before = text[max(start - 40, text.rfind("\n", 0, start) + 1, 0) : start]
    ways = [_NEXT_VALUE]
    if before.endswith(("'", '"')):
        ways.append(_ARGUMENT)
    elif before.endswith("--") or text[end : end + 1] == "\t" or _SET_BEFORE.search(before):
        ways.append(_SET)
    row = _ROW.match(text, end) if not before.strip("\"' \t") else None
    if row is not None and _is_generated(row[1]):
        yield row[1]
    for way in ways:
        match = way.match(text, end)
        if match is not None:
            yield next(group for group in match.groups() if group).strip()


def _far_assigned(text: str, start: int, end: int) -> Iterator[str]:
    """Yield the texts that belong to a name with more than a sign between them, or in front of it.

    They are not certain: only those that look generated count.
    """
    far = _FAR.match(text, end, end + _WINDOW)
    found = _FAR_TEXT.match(text, far.end(), end + _WINDOW) if far is not None else None
    if found is None:
        found = _ALONE.match(text, end, end + _WINDOW)
    if found is not None:
        yield next(group for group in found.groups() if group).strip()
    further = _FURTHER_VALUE.match(text, end, end + _WINDOW)
    if further is not None:
        yield further[1]
    for way in (_VALUE_FIRST, _PIPED):
        before = way.search(text, max(start - _LONGEST_VALUE, 0), start)
        if before is not None:
            yield next(group for group in before.groups() if group).strip()


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a text that have the form of an environment variable."""
    return tuple(dict.fromkeys(_NAME.findall(text)))


def assignments_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of the literal assignments in the text of a command."""
    for name in _NAME.finditer(text):
        value = _assigned(text, name.end())
        if value and not value.startswith(_NO_VALUE):
            yield name.group(), value


def code_filter(catalog: Catalog) -> Callable[[bytes], bool]:
    """Return a cheap test: False when a file assigns no variable that gives access to a channel."""
    endings, beginnings = _marks(catalog)
    channels = tuple(sorted({mark.partition(b"_")[0].lower() for mark in beginnings}))

    def may_mention(data: bytes) -> bool:
        # The endings first: a regular expression that begins with `_` reads 4 KB in 4 µs, the beginnings take 100 µs.
        if endings.search(data) is not None and any(beginning in data for beginning in beginnings):
            return True
        small = data.lower()
        return any(ending in small for ending in _SMALL_ENDINGS) and any(channel in small for channel in channels)

    return may_mention


def mentions_in_reading(text: str, catalog: Catalog) -> Iterator[Mention]:
    """Yield the values beside names of variables in a decoded text, which is less certain: only generated ones."""
    endings, beginnings = _marks(catalog)
    if re.search(endings.pattern.decode(), text) and any(one.decode() in text for one in beginnings):
        found = _of_variables(text, catalog, sentences=False)
        yield from (mention for mention in found if is_strong(mention.value))


def _names_of_secrets(catalog: Catalog) -> set[str]:
    keys = (fact for channel in catalog.channels.values() for fact in channel.keys)
    return {fact.name for fact in keys if fact.secret and fact.key_class in _CLASSES}


@lru_cache(maxsize=4)
def _secret_names(catalog: Catalog) -> re.Pattern[str]:
    names = sorted(_names_of_secrets(catalog), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(map(re.escape, names))})(?=[A-Za-z0-9])")


@lru_cache(maxsize=4)
def _marks(catalog: Catalog) -> tuple[re.Pattern[bytes], tuple[bytes, ...]]:
    """Return the endings of the names of channels' secrets, and their beginnings."""
    names = _names_of_secrets(catalog)
    endings = b"|".join(_shortest({name.rpartition("_")[2] for name in names}))
    return re.compile(b"_(?:" + endings + b")"), _shortest({"_".join(name.split("_")[:2]) for name in names})


def _shortest(marks: Collection[str]) -> tuple[bytes, ...]:
    """Return the marks that begin with no other one: a text with such a mark has the other one as well."""
    kept = [one for one in marks if not any(other != one and one.startswith(other) for other in marks)]
    return tuple(one.encode() for one in sorted(kept))


def _assigned(text: str, position: int) -> str:
    """Return the value assigned right behind a name, "" without one."""
    match = _ASSIGNED.match(text, position)
    if match is None:
        return ""
    quoted = match[1] or match[2] or match[3]
    return quoted.strip() if quoted else match[4].rstrip(_CLOSING)


def _printed(text: str, position: int) -> Iterator[str]:
    """Yield the literal words of a command that prints them, where its output is assigned to the name before."""
    match = _PRINTED.match(text, position)
    for word in _PRINTED_WORD.finditer(match[1] or match[2]) if match is not None else ():
        yield (word[1] or word[2] or word[3] or "").strip()


def _may_be_secret(value: str, shortest: int) -> bool:
    """Return False for a placeholder, a template, a word or an address without a secret in it."""
    if len(value) < shortest or value.lower().startswith(_NO_VALUE) or is_example(value):
        return False
    return not _is_words(value) and "://" not in value and "${" not in value and "<" not in value


def _is_words(value: str) -> bool:
    return _WORDS.fullmatch(value) is not None and not _is_mixed(value)


def _is_mixed(value: str) -> bool:
    """Return whether a value has letters and digits, or changes between capitals and small letters often."""
    has_digit = any(char.isdigit() for char in value)
    changes = sum(first.islower() and second.isupper() for first, second in pairwise(value))
    return (has_digit and any(char.isalpha() for char in value)) or changes > 3


def _is_random(word: str) -> bool:
    """Return whether a word is no name of a thing: its letters and digits change places often."""
    kinds = ["d" if char.isdigit() else "u" if char.isupper() else "l" for char in word if char.isalnum()]
    changes = sum(first != second for first, second in pairwise(kinds))
    return len(word) >= _SHORTEST_GENERATED and "d" in kinds and changes >= len(kinds) // 3 and word.isascii()


def is_strong(text: str) -> bool:
    """Return whether a text is a credential, wherever it is: no name of a thing, path, address or sentence."""
    return (
        _is_generated(text) and _is_random(text) and not any(char.isspace() for char in text) and "=" not in text[:-2]
    )


def _is_generated(token: str) -> bool:
    is_path = token.startswith(("/", "~", "./")) or "://" in token or token.count("/") > 1
    return len(token) >= _SHORTEST_GENERATED and not is_path and _is_mixed(token) and _may_be_secret(token, _SHORTEST)
