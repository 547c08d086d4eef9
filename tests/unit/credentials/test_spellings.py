"""A value is found in every escape of people's files, and only its own characters are replaced."""

from __future__ import annotations

import base64
import quopri
import re
import textwrap
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest

from hermes_profiles.credentials.search.base64_runs import base64_runs
from hermes_profiles.credentials.search.spellings import decoded
from hermes_profiles.credentials.search.value_index import ValueIndex, searchable_parts

TOKEN = "8812345678:" + "AAF-CANARYTelegramTokenAbCdEfGh123x"
PASSWORD = "CANARY p&ss'w\"rd/42"


def each(form: str) -> Callable[[str], str]:
    return lambda value: "".join(form.format(ord(char)) for char in value)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda value: quote(value, safe=""),
    "percent, all": each("%{:02x}"),
    "percent, twice": lambda value: quote(quote(value, safe=""), safe=""),
    "HTML, decimal": each("&#{};"),
    "HTML, hexadecimal": each("&#x{:X};"),
    "HTML, some": lambda value: value.replace(":", "&#58;").replace("-", "&#x2d;").replace("&", "&amp;"),
    "Markdown": lambda value: "".join("\\" + char if char in "-_:.*'\"&/" else char for char in value),
    "\\x": each("\\x{:02x}"),
    "\\x, some": lambda value: value[:6] + f"\\x{ord(value[6]):02x}" + value[7:],
    "\\u outside of JSON": each("\\u{:04x}"),
    "\\u{…}": each("\\u{{{:04x}}}"),
    "\\U": each("\\U{:08x}"),
    "octal": each("\\{:03o}"),
    "shell: quotes within": lambda value: f"{value[:7]}''{value[7:12]}\"\"{value[12:]}",
    "joined strings": lambda value: f'"{value[:9]}" + "{value[9:]}"',
    "joined strings of C": lambda value: f'"{value[:9]}" "{value[9:]}"',
    "joined over lines": lambda value: f'("{value[:9]}"\n     "{value[9:]}")',
    "line continued": lambda value: f"{value[:9]}\\\n{value[9:]}",
    "no width": lambda value: value[:5] + "\u200b" + value[5:],
    "soft hyphen": lambda value: value[:5] + "\u00ad" + value[5:],
    "quoted-printable": lambda value: quopri.encodestring(f"{'x' * 60} {value}".encode()).decode()[60:],
    "quoted-printable, all": each("={:02X}"),
    "base64 over lines": lambda value: "\n".join(
        textwrap.wrap(base64.b64encode(f"{'k' * 50}{value}{'y' * 40}".encode()).decode(), 64)
    ),
    "base64 of mail": lambda value: "\r\n".join(
        textwrap.wrap(base64.b64encode(f"{'k' * 50}{value}{'y' * 40}".encode()).decode(), 76)
    ),
    "base64 in short lines": lambda value: "\n".join(textwrap.wrap(base64.b64encode(value.encode()).decode(), 20)),
    "base64 in a comment": lambda value: "\n".join(
        "# " + line for line in textwrap.wrap(base64.b64encode(f"{'k' * 50}{value}{'y' * 40}".encode()).decode(), 60)
    ),
    "base64 with written line breaks": lambda value: "\\n".join(
        textwrap.wrap(base64.b64encode(f"{'k' * 50}{value}{'y' * 40}".encode()).decode(), 60)
    ),
    "base64 in joined strings": lambda value: (
        '("'
        + '"\n    "'.join(textwrap.wrap(base64.b64encode(f"{'k' * 50}{value}{'y' * 40}".encode()).decode(), 40))
        + '")'
    ),
    "base64 of UTF-16": lambda value: base64.b64encode(f"$t = {value}".encode("utf-16-le")).decode(),
    "base64 of UTF-16 over lines": lambda value: "\n".join(
        textwrap.wrap(base64.b64encode(f"$t = {value}".encode("utf-16-le")).decode(), 76)
    ),
    "HTML, no semicolon": lambda value: re.sub(r"[:\-_.]", lambda match: f"&#{ord(match[0])}", value, count=1),
    "HTML, leading zeros": each("&#x{:05x};"),
    "\\u{…}, short": lambda value: value[:6] + f"\\u{{{ord(value[6]):x}}}" + value[7:],
    "octal, short": lambda value: value[:10] + f"\\{ord(value[10]):o}" + value[11:],
    "quoted-printable, soft break within": lambda value: f"={ord(value[0]):02X}{value[1:8]}=\n{value[8:]}",
    "joined bytes of Python": lambda value: f'b"{value[:9]}" b"{value[9:]}"',
    "joined raw and formatted": lambda value: f"(r'{value[:9]}'\n    f'{value[9:]}')",
    "joined strings of Lua": lambda value: f'"{value[:9]}" .. "{value[9:]}"',
    "joined strings of SQL": lambda value: f"'{value[:9]}' || '{value[9:]}'",
    "joined strings of Basic": lambda value: f'"{value[:9]}" & _\n  "{value[9:]}"',
    "continued by PowerShell": lambda value: f'"{value[:9]}" + `\n  "{value[9:]}"',
    "continued by cmd": lambda value: f"{value[:9]}^\r\n{value[9:]}",
    "highlighted": lambda value: re.sub(r"(\w+)", r"<span>\1</span>", value),
    "CDATA": lambda value: f"<![CDATA[{value[:9]}]]><![CDATA[{value[9:]}]]>",
    "colours of a terminal": lambda value: f"\x1b[32m{value[:9]}\x1b[0m\x1b[1m{value[9:]}\x1b[0m",
    "joiner of graphemes": lambda value: value[:5] + "\u034f" + value[5:],
    "isolated direction": lambda value: value[:5] + "\u2069\u2066" + value[5:],
    "folded line of a calendar": lambda value: f"{value[:9]}\r\n {value[9:]}",
    "folded head of a mail": lambda value: f"{value[:9]}\n\t{value[9:]}",
    "encoded words of a mail": lambda value: f"=?utf-8?Q?{value[:9]}?=\r\n =?utf-8?Q?{value[9:]}?=",
    "entity of a character without width": lambda value: f"{value[:9]}&ZeroWidthSpace;{value[9:]}",
    "\\x{…}": lambda value: value[:6] + f"\\x{{{ord(value[6]):x}}}" + value[7:],
    "link of a terminal": lambda value: f"{value[:9]}\x1b]8;;https://x.example\x07{value[9:]}\x1b]8;;\x1b\\",
    "break of HTML": lambda value: f"{value[:9]}<br>{value[9:]}",
    "joined, with a comment of C": lambda value: f'"{value[:9]}" /* team */ "{value[9:]}"',
    "joined, with a comment of Python": lambda value: f"('{value[:9]}'  # team\n    '{value[9:]}')",
    "UTF-16": lambda value: value,
}
# These are for tokens: a password with quotes, blanks and signs is not written so.
_OF_TOKENS = (
    "joined", "continued", "highlighted", "HTML, no semicolon", "shell: quotes within", "octal, short",
    "quoted-printable, soft", "colours", "folded", "encoded words", "break", "link",
)  # fmt: skip


@pytest.mark.parametrize("value", [TOKEN, PASSWORD])
@pytest.mark.parametrize("form", SPELLINGS)
def test_value_is_found_and_replaced(form: str, value: str) -> None:
    if value is PASSWORD and form.startswith(_OF_TOKENS):
        pytest.skip("quotes are a part of the value")
    if value is PASSWORD and form == "base64 in short lines":
        pytest.skip("a line is too short to be told from words")
    index = ValueIndex({"KEY": [value]})
    text = f"first line\nx = {SPELLINGS[form](value)}\nlast line\n"
    codec = "utf-16" if form == "UTF-16" else "utf-8"
    data = text.encode(codec)
    assert index.hits(data) and index.names_in(data) == ("KEY",)
    result = index.redact_bytes(data)
    assert result is not None
    redacted = result[0].decode(codec)
    assert (
        "<removed: KEY>" in redacted and redacted.startswith("first line\nx = ") and redacted.endswith("\nlast line\n")
    )
    assert value not in "".join(view.text for view in decoded(redacted))
    assert {place.line for place in result[1]} <= {2, 3, 4, 5}


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_value_in_wide_characters_is_found(codec: str) -> None:
    index = ValueIndex({"KEY": [TOKEN]})
    assert index.hits(f"x = {TOKEN}\n".encode(codec))
    assert index.hits(f"x = {TOKEN}\n".replace(":", "\\u003a").encode(codec))


@pytest.mark.parametrize("text", [
    rf"{{\rtf1\ansi {TOKEN[:9]}{{\b {TOKEN[9:]}}}}}", rf"{{\rtf1 {TOKEN.replace(':', chr(92) + chr(39) + '3a')}}}",
    rf"{{\rtf1 {TOKEN.replace(':', chr(92) + 'u58?')}\par}}", rf"{{\rtf1 {TOKEN.replace('-', chr(92) + '_')}}}",
    f"{{\\rtf1 {TOKEN[:20]}\n{TOKEN[20:]}}}",
])  # fmt: skip
def test_value_in_rich_text_is_found(text: str) -> None:
    index = ValueIndex({"KEY": [TOKEN]})
    assert index.hits(text.encode())
    assert index.redact(text)[0].startswith("{\\rtf1") and TOKEN[11:20] not in index.redact(text)[0]


@pytest.mark.parametrize(("value", "text"), [
    ("CANARY$x$9pw", "CANARY$$x$$9pw"), ("CANARY%x%9pw", "CANARY%%x%%9pw"), ("CANARY'x'9pw", "CANARY''x''9pw"),
    ('CANARY"x"9pw', 'CANARY""x""9pw'), ("CANARY{x}9pw", "CANARY{{x}}9pw"), ("CANARY x 9pw", "CANARY+x+9pw"),
    ("CANARY x&9pw", "CANARY+x%269pw"), ("CANARY x 9pw", "CANARY\u00a0x\u00a09pw"),
    ("cana rywm pjth rbnc", "canarywmpjthrbnc"), ("canarywmpjthrbnc", "cana rywm pjth rbnc"),
    ("canarywmpjthrbnc", "cana\u00a0rywm\u00a0pjth\u00a0rbnc"), ("CANARY-x'9pw", "CANARY\u2011x'9pw"),
    ("CANARY-x-9pw", "CANARY\u2013x\u20139pw"), ("CANARY'x\"9pw", "CANARY\u2019x\u201d9pw"),
    ("CANARY\u00fcber9pw", "CANARYu\u0308ber9pw"), ("CANARY\u00fcber9pw", "CANARY\u00c3\u00bcber9pw"),
])  # fmt: skip
def test_password_as_other_files_write_it_is_found(value: str, text: str) -> None:
    """Signs that are written twice, blanks of forms, groups of a password for an app, what print makes of signs."""
    index = ValueIndex({"KEY": searchable_parts(value)})
    assert index.hits(f"x {text} y".encode()) and index.redact(f"x {text} y")[0] == "x <removed: KEY> y"


def test_token_of_one_case_is_found_in_the_other_one() -> None:
    small = "canary8tq3xw7n5kc1fz9hgj4r"
    for value, text in ((small, small.upper()), (small.upper(), small)):
        assert ValueIndex({"KEY": [value]}).redact(f"x {text} y")[0] == "x <removed: KEY> y"
    for value in (small.replace("c", "C"), "canary-of-words-alone", "canary8tq"):  # another token, words, too short
        assert not ValueIndex({"KEY": [value]}).hits(f"x {value.upper()} y".encode())


@pytest.mark.parametrize(("value", "codec"), [
    ("CANARY\u20acber9pw", "cp1252"), ("CANARY\u5fae\u4fe19pw", "gbk"), ("CANARY\u0439\u04459pw", "cp1251"),
    ("CANARY\u306e\u30729pw", "shift_jis"),
])  # fmt: skip
def test_value_in_an_encoding_of_one_country_is_found(value: str, codec: str) -> None:
    assert ValueIndex({"KEY": [value]}).hits(f"x {value} y".encode(codec))


OUT_OF_SCOPE: dict[str, Callable[[str], str]] = {
    "hexadecimal": lambda value: value.encode().hex(),
    "reversed": lambda value: value[::-1],
    "spaced": lambda value: " ".join(value),
    "base32": lambda value: base64.b32encode(value.encode()).decode(),
    "other letters": lambda value: value.translate({ord("A"): "\u0410"}),
    "joined by running": lambda value: f"'{value[:9]}'.concat('{value[9:]}')",
    "two variables": lambda value: f"A={value[:9]}\nB={value[9:]}\nC=$A$B",
    "wrapped without a mark": lambda value: f"{value[:9]}\n{value[9:]}",
}


@pytest.mark.parametrize("form", OUT_OF_SCOPE)
def test_these_spellings_are_out_of_scope(form: str) -> None:
    """The border that the clone policy states: such a text is copied."""
    assert not ValueIndex({"KEY": [TOKEN]}).hits(OUT_OF_SCOPE[form](TOKEN).encode())


@pytest.mark.parametrize("text", [
    "plain words without a secret", 'print("a" + "b")', "100%25 of &amp; it", "\\n\\t\\x00", "a=3D b", "it's 'quoted'",
    "a\n b\r\n c\n\td", "{\\rtf1\\ansi\\uc1 a\\par}",
])  # fmt: skip
def test_other_texts_stay(text: str) -> None:
    index = ValueIndex({"KEY": [TOKEN]})
    assert not index.hits(text.encode()) and index.redact(text) == (text, ())


@pytest.mark.parametrize("width", [200, 64])
@pytest.mark.parametrize("after", ["You are", "SK5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ="])
def test_base64_before_a_line_that_begins_with_a_word(after: str, width: int) -> None:
    lines = textwrap.wrap(base64.b64encode(f"{'k' * 22}:SEC{'5a' * 32}".encode()).decode(), width)
    text = "\r\n".join(["Text", *lines, after, ""])
    readings = [view for view in decoded(text) if view.text.endswith(f"SEC{'5a' * 32}")]
    assert readings, "the end of the value is the end of what was decoded"
    start, end = readings[0].span(readings[0].text.index("SEC"), len(readings[0].text))
    assert text.index("\r\n") < start < end <= text.index(after)


def test_packed_lines_below_each_other_are_read_in_linear_work() -> None:
    lines = [base64.b64encode(zlib.compress(f"line {number} of a list".encode())).decode() for number in range(300)]
    runs = list(base64_runs("\n".join(lines).encode()))
    assert sum(len(run.text) for run in runs) <= 3 * sum(map(len, lines))
    assert b"line 299 of a list" in zlib.decompressobj().decompress(runs[-1].content)
