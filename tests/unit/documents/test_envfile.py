"""`.env` as Hermes' three readers see it, and edits of it."""

from __future__ import annotations

import codecs

import pytest
from document_properties import examples
from env_samples import READ, D, L
from hypothesis import assume, given
from hypothesis import strategies as st

from hermes_profiles.documents.dotenv.document import EnvDocument, quoted
from hermes_profiles.documents.text import TextEdit
from hermes_profiles.model.errors import DocumentError

KNOWN = frozenset(
    {"TELEGRAM_BOT_TOKEN", "SLACK_BOT_TOKEN", "OPENAI_API_KEY", "LM_API_KEY", "GLM_API_KEY", "A_KEY", "B_TOKEN"}
)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
@pytest.mark.parametrize(("text", "name", "readers", "value", "values"), READ)
def test_an_entry_is_present_when_any_reader_sees_it(
    text: str, name: str, readers: set[str], value: str, values: tuple[str, ...], end: str
) -> None:
    document = EnvDocument.parse((text + end).encode(), known_keys=KNOWN)
    entry = document.get(name)
    assert entry is not None
    assert (entry.readers, entry.value, entry.values) == (readers, value, values)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("KEY", set()),
        ("# KEY=v", set()),
        ("GLM_API_KEY=x", {"GLM_API_KEY"}),
        ("A_KEY=https://h/?B_TOKEN=y", {"A_KEY"}),
        ("A_KEY=a bB_TOKEN=y", {"A_KEY"}),
        ("OTHER=xB_TOKEN=y", {"OTHER"}),
        ("A_KEY=xGLM_API_KEY=y", {"A_KEY", "GLM_API_KEY"}),
        ("A_KEY=1B_TOKEN=2LM_API_KEY=3", {"A_KEY", "B_TOKEN", "LM_API_KEY"}),
        ('PEM="-----BEGIN\nABC=\nDEF==\n-----END"', {"PEM"}),
        ("", set()),
        ("\n\n  \n", set()),
    ],
)
def test_the_names_of_a_file(text: str, names: set[str]) -> None:
    assert EnvDocument.parse(text.encode(), known_keys=KNOWN).names() == names


@pytest.mark.parametrize(
    ("raw", "readers"),
    [
        (codecs.BOM_UTF8 + b"KEY=v\n", {D, L}),
        ("KEY=v\n".encode("utf-16"), {D, L}),
        ("KEY=v\n".encode("utf-16-le"), {D, L}),
        (b"# \xe9\nKEY=v\n", {D, L}),
    ],
)
def test_a_damaged_encoding_hides_no_entry(raw: bytes, readers: set[str]) -> None:
    document = EnvDocument.parse(raw)
    entry = document.get("KEY")
    assert entry is not None and (entry.value, entry.readers) == ("v", readers)
    assert b"KEY" not in document.edit(remove=[entry]).replace(b"\0", b"")


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nB='open\nC=1", 2), ('A="x" y\n', 1), ("A=1\n\nB C=2\n", 3), ("=====\n", 1), ('A="x\\\\"\nB="y"\n', 1)],
)
def test_a_line_that_readers_read_differently_is_refused_with_its_number(text: str, line: int) -> None:
    with pytest.raises(DocumentError) as caught:
        EnvDocument.parse(text.encode(), path="x/.env")
    assert (caught.value.path, caught.value.line) == ("x/.env", line)
    assert caught.value.problem.hint


def test_commented_entries_are_marked() -> None:
    document = EnvDocument.parse(b"# TOKEN='CANARY' # old\n#export B=1\n# note: a=b\n# C=\nD=1\n")
    assert [(e.name, e.value, e.commented, e.readers) for e in document.entries if e.commented] == [
        ("TOKEN", "CANARY", True, frozenset()),
        ("B", "1", True, frozenset()),
    ]
    assert "CANARY" in document.entries[0].values
    assert document.edit(remove=[document.entries[0]]) == b"#export B=1\n# note: a=b\n# C=\nD=1\n"


def test_environment_interpolates_with_its_base_and_lines_do_not() -> None:
    document = EnvDocument.parse(b"A=${HOME}/x\nB=${A}\nexport C='1' # c\nD\n")
    assert document.environment({"HOME": "/h", "D": "no"}) == {"A": "/h/x", "B": "/h/x", "C": "1"}
    assert document.environment() == {"A": "/x", "B": "/x", "C": "1"}
    assert document.line_environment() == {"A": "${HOME}/x", "B": "${A}", "C": "'1' # c"}
    assert document.get("B").references == ("A",)  # type: ignore[union-attr]


def cut(text: str, *names: str) -> str:
    document = EnvDocument.parse(text.encode(), known_keys=KNOWN)
    return document.edit(remove=[entry for entry in document.entries if entry.name in names]).decode()


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ("# c\r\nA=1\r\n\r\nB=2\r\n", "A", "# c\r\n\r\nB=2\r\n"),
        ("A=1\nB=2", "B", "A=1\n"),
        ("A=1\rB=2\rC=3", "B", "A=1\rC=3"),
        ("\n\n  A=1\n# c\n", "A", "\n\n# c\n"),
        ('A="1\n2"\nB=2\n', "A", "B=2\n"),
        ("A=1\nB=2\nA=3\n", "A", "B=2\n"),
        ("A_KEY=xB_TOKEN=y\nC=1\n", ("A_KEY",), "B_TOKEN=y\nC=1\n"),
        ("A_KEY=xB_TOKEN=y\r\nC=1\n", ("B_TOKEN",), "A_KEY=x\r\nC=1\n"),
        (" A_KEY=xB_TOKEN=y \r\nC=1\n", ("A_KEY", "B_TOKEN"), "C=1\n"),
        ("A_KEY=1B_TOKEN=2LM_API_KEY=3\n", ("B_TOKEN",), "A_KEY=1LM_API_KEY=3\n"),
        ('A="1\nB_TOKEN=2"\nC=3\n', ("A", "B_TOKEN"), "C=3\n"),
        ("A=1\u2028B_TOKEN=2\nC=3\n", ("A", "B_TOKEN"), "C=3\n"),
    ],
)
def test_a_removal_deletes_its_entry_alone(before: str, names: tuple[str, ...], after: str) -> None:
    assert cut(before, *names) == after


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('A="1\nB_TOKEN=2\n3"\n', "A", 2),
        ('A="1\nB_TOKEN=2\n3"\n', "B_TOKEN", 2),
        ("X=1\nA=1\u2028B_TOKEN=2\n", "B_TOKEN", 2),
        ("A=1\x0bB_TOKEN=2\n", "A", 1),
    ],
)
def test_a_removal_that_readers_disagree_about_is_refused(text: str, name: str, line: int) -> None:
    with pytest.raises(DocumentError, match="readers disagree") as caught:
        cut(text, name)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("A=1\n", "2", "A=2\n"),
        ("export A = '1' # note\r\nB=2\r\n", "x y", "export A = x y\r\nB=2\r\n"),
        ("A=\n", "#x", "A='#x'\n"),
        ("A=1", "it's", "A=it's"),
        ("A=1\n", "'q", 'A="\'q"\n'),
        ("A=1\n", "a #b", "A='a #b'\n"),
        ("A=1\n", "", "A=\n"),
        ('A="1\n2"\nB=1\n', "3", "A=3\nB=1\n"),
        ("A=1\n", "C:\\x", "A=C:\\x\n"),
    ],
)
def test_every_reader_reads_a_new_value_alike(before: str, value: str, after: str) -> None:
    document = EnvDocument.parse(before.encode())
    result = document.edit(set_values={document.entries[0]: value})
    assert result.decode() == after
    entry = EnvDocument.parse(result).get("A")
    assert entry is not None and (entry.value, entry.line_value) == (value, value)


@pytest.mark.parametrize("value", ["a\nb", "${B}", "x\u2028y", "\"'", " \\ ", "'\\'"])
def test_a_value_that_cannot_be_quoted_is_refused(value: str) -> None:
    assert quoted(value) is None
    document = EnvDocument.parse(b"A=1\n")
    with pytest.raises(DocumentError):
        document.edit(set_values={document.entries[0]: value})


def test_lines_are_appended_in_the_style_of_the_file() -> None:
    assert EnvDocument.parse(b"A=1\r\nB=2").edit(append=[("C", "3"), ("D", "")]) == b"A=1\r\nB=2\r\nC=3\r\nD=\r\n"
    assert EnvDocument.parse(b"").edit(append=[("C", "3")]) == b"C=3\n"
    wide = "A=1\n".encode("utf-16")
    assert EnvDocument.parse(wide).edit(append=[("C", "3")]) == wide + "C=3\n".encode("utf-16-le")
    padded = "A=1\n".encode("utf-16-le")
    assert EnvDocument.parse(padded).edit(append=[("C", "3")]) == padded + "C=3\n".encode("utf-16-le")
    with pytest.raises(DocumentError):
        EnvDocument.parse(b"").edit(append=[("not a name", "3")])


def test_a_new_value_that_would_split_the_line_is_refused() -> None:
    document = EnvDocument.parse(b"A_KEY=1\n", known_keys=KNOWN)
    with pytest.raises(DocumentError):
        document.edit(set_values={document.entries[0]: "xB_TOKEN=y"})


def test_text_edits_redact_comments_and_values_and_are_ignored_inside_a_removal() -> None:
    text = "# was CANARY\n# OLD_TOKEN=CANARY\nA=xCANARYy\nT=CANARY\n"
    document = EnvDocument.parse(text.encode())
    spots, at = [], text.find("CANARY")
    while at >= 0:
        spots.append(TextEdit(at, at + 6, "<removed: T>"))
        at = text.find("CANARY", at + 1)
    entry = document.get("T")
    assert entry is not None
    result = document.edit(remove=[entry], text_edits=spots).decode()
    assert result == "# was <removed: T>\n# OLD_TOKEN=<removed: T>\nA=x<removed: T>y\n"


def test_no_edit_returns_the_same_bytes() -> None:
    raw = b"\xef\xbb\xbfA=1\r\nB='2'"
    assert EnvDocument.parse(raw).edit() is raw


VALUES = st.text(st.sampled_from("abAB1_-=:/?&#$.{} \t'\"\\é"), max_size=12)
NAMES = st.sampled_from(["A", "B_TOKEN", "A_KEY", "LM_API_KEY", "x", "SLACK_BOT_TOKEN"])
LINE = st.one_of(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", " ", "export ", "export\t"]),
        NAMES,
        st.sampled_from(["=", " = "]),
        VALUES,
    ),
    st.builds("{}='{}'".format, NAMES, st.text(st.sampled_from("ab1 =\n#\u2028"), max_size=10)),
    st.builds('{}="{}"'.format, NAMES, st.text(st.sampled_from("ab1 =\nA_KEY"), max_size=10)),
    st.builds("A_KEY={}B_TOKEN={}".format, st.text("ab1", max_size=4), VALUES),
    st.builds("# {}".format, VALUES),
    st.builds("# {}={}".format, NAMES, VALUES),
    st.sampled_from(["", "  ", "NAME"]),
)
FILES = st.builds(
    lambda lines, ends, encoding: "".join(a + b for a, b in zip(lines, ends, strict=False)).encode(encoding),
    st.lists(LINE, max_size=6),
    st.lists(st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n"]), min_size=6, max_size=6),
    st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
)


@examples
@given(st.binary(max_size=80) | FILES)
def test_any_bytes_parse_without_change_or_are_refused(raw: bytes) -> None:
    try:
        document = EnvDocument.parse(raw, known_keys=KNOWN)
    except DocumentError:
        return
    assert document.apply([]) == raw
    for entry in document.entries:
        assert entry.start <= entry.value_start <= entry.value_end <= entry.end
        assert document.text[entry.start : entry.end].strip()


@examples
@given(FILES, st.data())
def test_a_removal_keeps_every_other_line_and_entry(raw: bytes, data: st.DataObject) -> None:
    try:
        document = EnvDocument.parse(raw, known_keys=KNOWN)
    except DocumentError:
        return
    assume(document.entries)
    name = data.draw(st.sampled_from([entry.name for entry in document.entries]))
    gone = [entry for entry in document.entries if entry.name == name]
    try:
        result = document.edit(remove=gone)
    except DocumentError:
        return
    after = EnvDocument.parse(result, known_keys=KNOWN)
    assert name not in after.names()
    assert [e.name for e in after.entries] == [e.name for e in document.entries if e.name != name]
    assert [e.literal for e in after.entries] == [e.literal for e in document.entries if e.name != name]
    touched = {n for e in gone for n in range(document.line_of(e.start), document.line_of(max(e.start, e.end - 1)) + 1)}
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = [line for number, line in enumerate(lines, 1) if number not in touched]
    left = after.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rest = iter(left)
    assert all(line in rest for line in kept if line)
