"""config.yaml: entries, refused documents, and edits."""

from __future__ import annotations

import pytest

from hermes_profiles.documents.text import TextEdit
from hermes_profiles.documents.yaml.document import YamlDocument, truthy
from hermes_profiles.model.errors import DocumentError

TEXT = """\
# top
model: gpt   # m
base: &base
  token: CANARY  # tok
  extra:
    # inner
    x: 1
    # after
  # tail

# about platforms
platforms:
  telegram:
    <<: *base
    enabled: true
  slack: {a: 1, b: [1, 2], c: yes}
  wx: *base
  "on": x
list:
  - name: a
    # c1
    token: t
    z: 1
  - b
  - - q
    - r
prompt: |
  # not a comment
  hello

end: ~
nul:
"""
P = tuple[str, ...]


def read(text: str = TEXT) -> YamlDocument:
    return YamlDocument.parse(text.encode())


def edited(
    text: str = TEXT, *, remove: list[P] | None = None, replace: dict[P, str] | None = None, **more: object
) -> str:
    document = read(text)
    gone = [entry for path in remove or [] for entry in document.find(path)]
    new = {document.get(path): value for path, value in (replace or {}).items()}
    return document.edit(remove=gone, replace=new, **more).decode()  # type: ignore[arg-type]


def test_entries_reached_by_alias_and_merge_share_the_origin_of_their_text() -> None:
    document = read()
    places = {
        path: document.get(path)
        for path in (("base", "token"), ("platforms", "telegram", "token"), ("platforms", "wx", "token"))
    }
    assert {entry.origin for entry in places.values() if entry} == {places[("base", "token")].origin}  # type: ignore[union-attr]
    assert [entry.via for entry in places.values() if entry] == ["own", "merge", "alias"]
    assert all(entry.line == 4 for entry in places.values() if entry)


def test_scalars_are_read_by_yaml_1_1() -> None:
    data = read("a: yes\nb: off\nc: 012\nd: 0o7\ne: 1e3\nf: 1:30\ng: ~\nh: 'yes'\ni: 1.5\nj: y\n").data()
    assert data == {
        "a": True,
        "b": False,
        "c": 10,
        "d": "0o7",
        "e": "1e3",
        "f": 90,
        "g": None,
        "h": "yes",
        "i": 1.5,
        "j": "y",
    }


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("true", True),
        ("'On'", True),
        ("1", True),
        ("yes", True),
        ('"1"', True),
        ("false", False),
        ("0", False),
        ("~", False),
        ("x", False),
    ],
)
def test_a_flag_has_the_truth_that_hermes_reads(text: str, flag: bool) -> None:
    assert truthy(read(f"a: {text}\n").get(("a",))) is flag


def test_duplicates_are_all_entries_and_the_last_is_effective() -> None:
    document = read("a: CANARY\nb: 1\na: 2\n")
    assert [(e.value, e.duplicate, e.effective) for e in document.find(("a",))] == [
        ("CANARY", True, False),
        ("2", True, True),
    ]
    assert document.get(("a",)).value == "2"  # type: ignore[union-attr]
    assert document.data() == {"a": 2, "b": 1}
    merged = read("x: &x {a: CANARY}\ny:\n  <<: *x\n  a: 1\n")
    assert merged.get(("y", "a")).value == "1"  # type: ignore[union-attr]
    assert [e.effective for e in merged.find(("y", "a"))] == [False, True]


def test_of_merged_mappings_the_first_is_effective() -> None:
    document = read("x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}\n")
    assert document.data()["z"] == {"a": 1, "b": 2}  # type: ignore[index]
    assert document.get(("z", "a")).value == "1"  # type: ignore[union-attr]


def test_two_new_values_for_one_text_are_refused() -> None:
    document = read()
    places = [document.get(("base", "token")), document.get(("platforms", "wx", "token"))]
    with pytest.raises(DocumentError):
        document.edit(replace={places[0]: "a", places[1]: "b"})  # type: ignore[dict-item]
    once = document.edit(replace={places[0]: "a", places[1]: "a"})  # type: ignore[dict-item]
    assert once.decode() == TEXT.replace("CANARY", "a")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2\n", 2),
        ("a: [1\n", None),
        ("a: 1\n---\nb: 2\n", 2),
        ("- a\n", 1),
        ("word\n", 1),
        ("a: 1\nb: *x\n", 2),
        ("a: &x\n  b: *x\n", 2),
        ("a: 1\nb: !!python/name:os.system x\n", 2),
        ("? [a]\n: 1\n", 1),
        ("a: 1\nb:\n  <<: 1\n", 3),
        ("a: b: c\n", 1),
        ("a: x\u2028b: 1\n", 1),
        ("# x\x85b: 1\n", 1),
        ("\ufeff\ufeffa: 1\n", 1),
        ("\ufeff# x\n\ufeffa: 1\n", 2),
        ("a: 1\n\x00\nb: 1\n", 2),
        ("a: 1\nb: &x [1]\nc:\n  <<: *x\n", 4),
    ],
)
def test_a_document_that_hermes_cannot_read_is_refused_with_its_line(text: str, line: int | None) -> None:
    with pytest.raises(DocumentError) as caught:
        YamlDocument.parse(text.encode(), path="p/config.yaml")
    assert caught.value.path == "p/config.yaml"
    assert line is None or caught.value.line == line


def test_an_empty_file_is_an_empty_mapping() -> None:
    for text in ("", "# only a comment\n", "---\n", "\ufeff", "~\n"):
        assert (read(text).entries, read(text).data()) == ((), {})
    assert edited("# c", insert=[(("a", "b"), "x")]) == "# c\na:\n  b: x\n".rstrip("\n")


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 7)]
    with pytest.raises(DocumentError, match="multiply"):
        read("\n".join(lines))
    with pytest.raises(DocumentError, match="deep"):
        read("a: " + "[" * 300 + "]" * 300)


REMOVALS = [
    ([("base", "token")], "  token: CANARY  # tok\n", ""),
    ([("platforms", "telegram", "token")], "  token: CANARY  # tok\n", ""),
    ([("base", "extra", "x")], "  extra:\n    # inner\n    x: 1\n", "  extra: {}\n    # inner\n"),
    ([("list", "[0]", "name")], "  - name: a\n    # c1\n    token", "  - # c1\n    token"),
    ([("list", "[0]", "token")], "    token: t\n", ""),
    (
        [("list", "[0]", "name"), ("list", "[0]", "token"), ("list", "[0]", "z")],
        "  - name: a\n    # c1\n    token: t\n    z: 1\n",
        "  - {}\n",
    ),
    ([("list", "[0]")], "  - name: a\n    # c1\n    token: t\n    z: 1\n", ""),
    ([("list", "[2]", "[0]")], "  - - q\n    - r\n", "  - - r\n"),
    (
        [("list", "[0]"), ("list", "[1]"), ("list", "[2]")],
        TEXT[TEXT.index("list:") : TEXT.index("prompt")],
        "list: []\n",
    ),
    ([("platforms", "slack", "a")], "{a: 1, b", "{b"),
    ([("platforms", "slack", "c")], ", c: yes}", "}"),
    ([("platforms", "slack", "b", "[1]")], "[1, 2]", "[1]"),
    ([("platforms", "slack", "b", "[0]"), ("platforms", "slack", "b", "[1]")], "[1, 2]", "[]"),
    ([("prompt",)], "prompt: |\n  # not a comment\n  hello\n", ""),
    ([("model",)], "model: gpt   # m\n", ""),
    ([("nul",)], "nul:\n", ""),
    (
        [("base",), ("platforms", "telegram", "<<"), ("platforms", "wx")],
        None,
        TEXT.replace("    <<: *base\n", "")
        .replace("  wx: *base\n", "")
        .replace(TEXT[TEXT.index("base: &") : TEXT.index("\n# about")], ""),
    ),
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("paths", "old", "new"), REMOVALS)
def test_a_removal_deletes_its_lines_alone(paths: list[P], old: str | None, new: str, end: str) -> None:
    wanted = TEXT.replace(old, new) if old is not None else new
    assert wanted != TEXT
    result = edited(TEXT.replace("\n", end), remove=paths)
    assert result == wanted.replace("\n", end)


def test_a_mapping_that_loses_all_items_does_not_become_null() -> None:
    assert edited("a:\n  b:   # note\n    c: 1\n  d: 2\n", remove=[("a", "b", "c")]) == "a:\n  b: {}   # note\n  d: 2\n"
    assert edited("a: &x\n  b: 1\nc: *x\n", remove=[("a", "b")]) == "a: &x {}\nc: *x\n"
    assert edited("a:\n- b: 1\n", remove=[("a", "[0]", "b")]) == "a:\n- {}\n"


def test_flow_collections_over_several_lines_lose_whole_lines() -> None:
    text = "a: {\n  b: 1,  # one\n  # about c\n  c: 2   # two\n}\n"
    assert edited(text, remove=[("a", "b")]) == "a: {\n  # about c\n  c: 2   # two\n}\n"
    assert edited(text, remove=[("a", "c")]) == "a: {\n  b: 1,  # one\n  # about c\n}\n"


def test_removing_an_anchor_that_is_still_used_is_refused() -> None:
    with pytest.raises(DocumentError, match="alias") as caught:
        edited(remove=[("base",)])
    assert caught.value.line == 14


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("a: x # c\n", "y", "a: y # c\n"),
        ("a: x\n", "yes", 'a: "yes"\n'),
        ("a: true\n", "false", "a: false\n"),
        ("a: 1\n", "2", "a: 2\n"),
        ("a: '1'\n", "it's", "a: 'it''s'\n"),
        ('a: "x"\n', 'q"\n', 'a: "q\\"\\n"\n'),
        ("a: &k x\n", "y", "a: &k y\n"),
        ("a:\n", "x", "a: x\n"),
        ("a: |\n  x\n  y\nb: 1\n", "p\n\n  q\n", "a: |\n  p\n\n    q\nb: 1\n"),
        ("a: >-\n  x\n  y\nb: 1\n", "p\nq", "a: |-\n  p\n  q\nb: 1\n"),
        ("a: |\n  x\nb: 1\n", "no end", 'a: "no end"\nb: 1\n'),
        ("a: x\n  y\n  z\n", "w", "a: w\n"),
        ("a: {b: x, c: 1}\n", None, None),
        ("a: x", "<removed: T>", 'a: "<removed: T>"'),
    ],
)
def test_a_new_value_keeps_type_and_style(before: str, text: str | None, after: str | None) -> None:
    if text is None:
        assert edited(before, replace={("a", "b"): "p, q"}) == 'a: {b: "p, q", c: 1}\n'
    else:
        assert edited(before, replace={("a",): text}) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("a:\n    b:\n        c: 1 # x\nd: 1\n", "a.b.e", "a:\n    b:\n        c: 1 # x\n        e: false\nd: 1\n"),
        ("a:\n    b:\n        c: 1\n", "a.x.e", "a:\n    b:\n        c: 1\n    x:\n        e: false\n"),
        ("a: 1\r\n", "p.t.e", "a: 1\r\np:\r\n  t:\r\n    e: false\r\n"),
        ("a: 1", "e", "a: 1\ne: false"),
        ("a: {b: 1}\n", "a.e", "a: {b: 1, e: false}\n"),
        ("a: {}\n", "a.t.e", "a: {t: {e: false}}\n"),
        ("a:\nb: 1\n", "a.e", "a:\n  e: false\nb: 1\n"),
        ("a: ~ # n\n", "a.e", "a: {e: false} # n\n"),
        ("a: &x {b: 1}\nc: *x\n", "c.e", "a: &x {b: 1}\nc: {<<: *x, e: false}\n"),
        ("a: &x {e: true}\nc:\n  <<: *x\n", "c.e", "a: &x {e: true}\nc:\n  <<: *x\n  e: false\n"),
        ("a:\n  e: true\n", "a.e", "a:\n  e: false\n"),
        ("a:\n- b: 1\n", "a.[0].e", "a:\n- b: 1\n  e: false\n"),
        ("a: |+\n  x\n\n# c\n", "e", "a: |+\n  x\n\ne: false\n# c\n"),
    ],
)
def test_an_insertion_follows_its_surroundings(before: str, path: str, after: str) -> None:
    assert edited(before, insert=[(tuple(path.split(".")), "false")]) == after


def test_one_mapping_gets_and_loses_pairs_in_one_edit() -> None:
    text = "platforms:\n  telegram:\n    token: CANARY\n  slack:\n    x: 1\n"
    result = edited(
        text, remove=[("platforms", "telegram", "token")], insert=[(("platforms", "telegram", "enabled"), "false")]
    )
    assert result == "platforms:\n  telegram: {enabled: false}\n  slack:\n    x: 1\n"
    result = edited(text, remove=[("platforms", "telegram")], insert=[(("platforms", "telegram", "enabled"), "false")])
    assert result == "platforms:\n  slack:\n    x: 1\n  telegram:\n    enabled: false\n"


@pytest.mark.parametrize("path", ["model.x", "list.x", "platforms"])
def test_an_insertion_below_a_scalar_is_refused(path: str) -> None:
    with pytest.raises(DocumentError):
        edited(insert=[(tuple(path.split(".")), "false")])


def test_comments_are_found_and_redacted_in_place() -> None:
    document = read()
    assert [span.text for span in document.comments] == [
        "# top",
        "# m",
        "# tok",
        "# inner",
        "# after",
        "# tail",
        "# about platforms",
        "# c1",
    ]
    spans = [
        TextEdit(span.start, span.end, "# <removed: T>") for span in document.comments if span.text in ("# tok", "# c1")
    ]
    result = document.edit(text_edits=spans).decode()
    assert result == TEXT.replace("# tok", "# <removed: T>").replace("# c1", "# <removed: T>")
    gone = document.edit(remove=[document.get(("base", "token"))], text_edits=spans).decode()  # type: ignore[list-item]
    assert gone == TEXT.replace("  token: CANARY  # tok\n", "").replace("# c1", "# <removed: T>")


def test_a_text_edit_that_changes_the_meaning_is_refused() -> None:
    document = read("a: 1 # c\nb: 2\n")
    with pytest.raises(DocumentError, match="certainty"):
        document.edit(text_edits=[TextEdit(5, 8, "\nc: 3")])


def test_no_edit_returns_the_same_bytes_and_astral_text_keeps_its_place() -> None:
    raw = "\ufeff---\r\na: 😀 # x\r\nb: {c: é,\r\n d: 1}".encode()
    document = YamlDocument.parse(raw)
    assert document.edit() is raw
    assert document.edit(remove=[document.get(("b", "c"))]) == "\ufeff---\r\na: 😀 # x\r\nb: {d: 1}".encode()  # type: ignore[list-item]
