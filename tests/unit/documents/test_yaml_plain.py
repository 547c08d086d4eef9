"""Plain YAML is parsed without ruamel.yaml, and gives the same tree."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from hermes_profiles.documents.tree import Node
from hermes_profiles.documents.yaml.document import YamlText
from hermes_profiles.documents.yaml.parser import parse_events
from hermes_profiles.documents.yaml.plain_parser import plain_tree
from hermes_profiles.model.errors import DocumentError

KEYS = ("a", "b_c", "on", "null", "x.y-z", "A1", "yes", "platforms", '"q"', "1", "-k", "<<", "a b", "y", "=")
VALUES = (
    "1", "true", "off", "text", "two words", "a#b", "a #c", "a: b", "a:", "a:b", '"q"', "'q'", '"q" # c', "'it''s'",
    '"a\\"b"', '""', "''", "{}", "[]", "[] # c", "[a]", "{a: b}",
    "-y", "- z", "-", "~", "", "  ", "# c", "| ", "|",
    "&x 1", "*x", "!!str 1", "%d", "@at", "`t", "?", "? q", ":", "1.5", "1e3", "12:30", "2020-01-01", "0x1f", "<<",
    "=",
    "https://h/p?q=1#f", "$HOME/x", "${A}", "<b>", "(c)", "^d", "+1", "./p", "~/p", "\u00e9", "tab\there", "a ,b",
    "x  ",
    "- - a", "a\u2028b", "--- b", "...", "---",
)  # fmt: skip
ODD_LINES = ("", "   ", "# comment", "    # comment", "---", "...", "%YAML 1.1", "\tx: 1", "text", "- a", "- b: 1")


def described(node: Node) -> tuple[object, ...]:
    """Return everything that a tree has."""
    items = tuple(
        (item.number, item.name, item.key and described(item.key), described(item.value), item.parent is node)
        for item in node.items
    )
    assert all(item.value.item is item for item in node.items)
    own = (node.kind, node.start, node.end, node.body, node.tag, node.value, node.style, node.anchor, node.flow)
    return (*own, node.target, items)


def by_events(text: str) -> tuple[object, ...] | str:
    try:
        return described(parse_events(YamlText("config.yaml", text.encode())))
    except DocumentError as error:
        return f"refused: {error.reason}"


def generated(dice: random.Random) -> str:
    """Return a document near the border of what is plain."""
    lines: list[str] = []
    columns = [0]
    odd = dice.choice((0.0, 0.0, 0.05))
    values = dice.sample(VALUES, 4) if dice.random() < 0.5 else ["1", "text", '"q"', "{}", "a #c", "-y", "", "~"]
    keys = KEYS if dice.random() < 0.3 else KEYS[:8]
    for _ in range(dice.randint(1, 9)):
        if dice.random() < odd:
            lines.append(dice.choice(ODD_LINES))
        column = dice.choice(columns) if dice.random() < 0.97 else dice.randint(0, 6)
        del columns[columns.index(column) + 1 if column in columns else 1 :]
        before = " " * column
        if dice.random() < 0.3:
            before += "-" + " " * dice.choice((1, 1, 1, 2, 3))
        kind = dice.random()
        if kind < 0.35:
            lines.append(f"{before}{dice.choice(keys)}:{dice.choice(('', '', ' # c', '  '))}")
            columns.append(column if dice.random() < 0.2 else column + dice.choice((1, 2, 2, 4)))
        elif kind < 0.8:
            lines.append(f"{before}{dice.choice(keys)}:{dice.choice((' ', ' ', '  ', ''))}{dice.choice(values)}")
        else:
            lines.append(before + dice.choice(values))
        if "- " in lines[-1]:
            columns.append(len(before))
    return "\n".join(lines) + dice.choice(("", "\n", "\n\n", "\n  "))


@pytest.mark.parametrize("seed", range(8))
def test_a_plain_document_has_the_tree_of_the_full_parser(seed: int) -> None:
    dice = random.Random(seed)
    plain = 0
    for _ in range(600):
        text = generated(dice)
        root = plain_tree(text)
        if root is not None:
            plain += 1
            assert described(root) == by_events(text), text
    assert plain > 30


@pytest.mark.parametrize("text", [
    "a: 1\n", "a:\n  b: c\n  d:\n    - e\n    - f: g\n      h: i\n", "a:\n- b\n- c\nd:\n", "a: {}\nb: [] # c\n", "a:",
    "# only\n\na: 'x'   # c\n  # deeper\nb: \"y z\"\n", "on: yes\nnull: ~\n", "a:\n  - -y\n  - \"@x\"\n",
])  # fmt: skip
def test_what_is_plain(text: str) -> None:
    root = plain_tree(text)
    assert root is not None and described(root) == by_events(text)


@pytest.mark.parametrize("text", [
    "", "# c\n", "a: &x 1\n", "a: *x\n", "a: |\n  b\n", "a: b\n  c\n", "a: \"b\n  c\"\n", "a: [b]\n", "- a\n",
    " a: 1\n",
    "a: b: c\n", "a: b:\n", "a: 1\n---\nb: 2\n", "a:\n    b: 1\n  c: 2\n", "a: 1\n- b\n", "a: caf\u00e9\n", "a:\tb\n",
    "a: 1\r\n", "a: 'it''s'\n", "a: \"\\n\"\n", "a:\n  -\n    b\n", "a:\n  - - b\n", "? a\n: b\n", "text\n", "1: a\n",
])  # fmt: skip
def test_what_is_not_plain(text: str) -> None:
    assert plain_tree(text) is None


def test_no_yaml_library_is_imported_for_a_plain_document() -> None:
    code = (
        "import sys; from hermes_profiles.documents.yaml.document import YamlDocument\n"
        "document = YamlDocument.parse(b'a:\\n  b: 1\\nc: 2\\n')\n"
        "assert document.edit(remove=[document.get(('c',))]) == b'a:\\n  b: 1\\n'\n"
        "assert 'ruamel' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
