"""Decoding and edits of text: bytes outside an edit do not change, in any encoding."""

from __future__ import annotations

import codecs
from collections.abc import Callable

import pytest
from document_properties import examples
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.documents import line_numbers
from hermes_profiles.documents import text as text_module
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.text import TextDocument, TextEdit, decode_loose, decode_strict
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError

LINES = "A=1\nB=é2\r\nC=3"
ENCODED = {
    "utf-8": LINES.encode(),
    "utf-8-sig": codecs.BOM_UTF8 + LINES.encode(),
    "utf-16-le": codecs.BOM_UTF16_LE + LINES.encode("utf-16-le"),
    "utf-16-be": codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
    "latin-1": LINES.encode("latin-1"),
}


def loose(raw: bytes) -> TextDocument:
    return TextDocument(".env", raw, decode_loose(".env", raw))


@pytest.mark.parametrize("encoding", ENCODED)
def test_each_encoding_is_recognised_and_kept_by_an_edit(encoding: str) -> None:
    document = loose(ENCODED[encoding])
    assert (document.encoding, document.text) == (encoding, LINES)
    codec = encoding.replace("-sig", "")
    mark = ENCODED[encoding][: len(ENCODED[encoding]) - len(LINES.encode(codec))]
    assert document.apply([TextEdit(4, 10, "")]) == mark + "A=1\nC=3".encode(codec)
    assert document.apply([TextEdit(2, 3, "ü")]) == mark + LINES.replace("A=1", "A=ü").encode(codec)


@pytest.mark.parametrize("raw", ["A=1\nB=2\n".encode("utf-16-le"), "A=1\nB=2\n".encode("utf-16-be")])
def test_nul_padding_is_dropped_from_the_text_and_kept_in_the_bytes(raw: bytes) -> None:
    document = loose(raw)
    assert document.has_nuls and document.text == "A=1\nB=2\n"
    assert document.apply([TextEdit(0, 4, "")]) == raw[8:]
    assert document.apply([TextEdit(4, 8, "")]) == raw[:8]
    assert document.apply([TextEdit(8, 8, "C=3\n")]).count(b"\0") == 12


def test_new_text_is_not_padded_after_a_single_nul() -> None:
    assert loose(b"A=1\0\nB=2\n").apply([TextEdit(8, 8, "C=3\n")]) == b"A=1\0\nB=2\nC=3\n"


@pytest.mark.parametrize(
    "raw",
    [LINES.encode("utf-32"), LINES.encode("utf-32-le"), LINES.encode("utf-32-be"), b"\xff\xfeA", b"\xfe\xff\xd8\x00"],
)
def test_an_encoding_that_hermes_does_not_read_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        loose(raw)


def test_strict_decoding_names_the_line_of_the_first_bad_byte() -> None:
    with pytest.raises(DocumentError) as caught:
        decode_strict("config.yaml", b"a: 1\r\nb: \xe9\n")
    assert (caught.value.path, caught.value.line) == ("config.yaml", 2)
    with pytest.raises(DocumentError):
        decode_strict("config.yaml", "a: 1\n".encode("utf-16"))


def test_lines_end_at_lf_crlf_and_cr() -> None:
    document = loose(b"a\r\nb\nc\rd\x0be")
    assert [document.line_of(document.text.index(char)) for char in "abcde"] == [1, 2, 3, 4, 4]


def test_overlapping_removals_merge_and_other_overlaps_are_refused() -> None:
    document = loose(b"0123456789")
    assert document.apply([TextEdit(5, 8, ""), TextEdit(2, 6, ""), TextEdit(2, 2, "x")]) == b"01x89"
    for edits in (
        [TextEdit(1, 4, ""), TextEdit(2, 3, "x")],
        [TextEdit(1, 4, "a"), TextEdit(3, 5, "")],
        [TextEdit(4, 99, "")],
    ):
        with pytest.raises(DocumentError):
            document.apply(edits)


def test_new_text_outside_the_encoding_is_refused() -> None:
    with pytest.raises(DocumentError):
        loose(b"A=\xe9\n").apply([TextEdit(0, 0, "✓")])


@examples
@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: text.encode("utf-16-le", "surrogatepass")))
def test_no_edit_is_identity_and_every_slice_is_a_slice_of_the_bytes(raw: bytes) -> None:
    try:
        document = loose(raw)
    except DocumentError:
        return
    assert document.apply([]) == raw
    middle = len(document.text) // 2
    head = document.apply([TextEdit(middle, len(document.text), "")])
    tail = document.apply([TextEdit(0, middle, "")])
    for part, text in ((head, document.text[:middle]), (tail, document.text[middle:])):
        if not document.has_nuls:
            assert part == document._mark + text.encode(document._codec)
        else:
            assert part.replace(b"\0", b"") == document._mark + text.encode(document._codec).replace(b"\0", b"")


def test_lines_of_many_variables_read_the_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    simple = line_numbers.read_simple_env
    monkeypatch.setattr(line_numbers, "read_simple_env", lambda raw: read.append(raw) or simple(raw))
    for raw in (
        b"# a note\n" + b"".join(b"NAME_%d=v\n" % number for number in range(50)),
        b"# a note\n" + b"".join(b"NAME_%d='v' # one\n" % number for number in range(50)),
    ):
        assert [line_numbers.env_line(raw, f"NAME_{number}") for number in range(50)] == [*range(2, 52)]
        assert line_numbers.env_line(raw + b"export NAME_3=w\n", "NAME_3") == 52
        assert line_numbers.env_line(raw, "MISSING") is None
    assert len(read) == 4


def test_line_end_of_a_document_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    document = EnvDocument.parse(b"A=1\r\nB=2\r\nC=3\n")
    assert document.line_end_style() == "\r\n"
    monkeypatch.setattr(text_module, "_LINE_END", None)
    assert document.line_end_style() == "\r\n"


@pytest.mark.parametrize("parse", [
    lambda raw: EnvDocument.parse(raw, path=".env", known_keys=()),
    lambda raw: YamlDocument.parse(raw, path="config.yaml").data(),
    lambda raw: JsonDocument.parse(raw, path="auth.json"),
])  # fmt: skip
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_marks_of_an_unfinished_merge_are_called_so(parse: Callable[[bytes], object], end: bytes) -> None:
    lines = [b"A=1", b"<<<<<<< HEAD", b"B=1", b"||||||| base", b"B=0", b"=======", b"B=2", b">>>>>>> theirs", b""]
    with pytest.raises(DocumentError) as error:
        parse(end.join(lines))
    assert "git" in str(error.value.problem.hint) and ">>>>>>>" in str(error.value.problem.hint)
    with pytest.raises(DocumentError) as error:
        parse(end.join([b"A=1", b"=======", b": ["]))
    assert "git" not in str(error.value.problem.hint)
