"""Words, variables and folders as systemd reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_specs import AWKWARD, folder_names, spec_of

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.services.checksum import add_checksum, checksum_matches, has_mark
from hermes_profiles.services.systemd.quoting import (
    assignment,
    checked,
    command_line,
    directory,
    quote_argument,
    split,
    unspecified,
)
from hermes_profiles.services.systemd.render import render_drop_in, render_unit


@pytest.mark.parametrize(("text", "written"), [
    ("/usr/bin/python3", "/usr/bin/python3"),
    ("a&b;c|#ü", "a&b;c|#ü"),
    ("", '""'),
    (";", '";"'),
    ("two words", '"two words"'),
    ("50%", '"50%%"'),
    ("$HOME", '"$$HOME"'),
    ('say "x"', '"say \\"x\\""'),
    ("it's", '"it\'s"'),
    ("back\\slash", '"back\\\\slash"'),
])  # fmt: skip
def test_a_word_is_quoted_when_it_needs_it(text: str, written: str) -> None:
    assert quote_argument(text) == written


def test_a_dollar_stays_single_in_the_executable_and_is_doubled_in_arguments() -> None:
    assert command_line(("/a b/$x", "$x")) == '"/a b/$x" "$$x"'
    assert command_line(("/a/$x", "y")) == "/a/$x y"


@pytest.mark.parametrize("name", ["it's", 'quo"te', "back\\slash"])
def test_an_executable_that_systemd_refuses_is_started_by_a_shell(name: str) -> None:
    line = command_line((f"/srv/{name}/python", "-m", "x"))
    assert line.startswith('/bin/sh -c "exec \\"$$@\\"" hermes-gateway ')
    assert line.endswith(" -m x")


@pytest.mark.parametrize(("path", "written"), [
    ("/srv/a", "/srv/a"),
    ("/srv/100%u", "/srv/100%%u"),
    ('/srv/two "words"', '/srv/two "words"'),
    ("/srv/blank ", "/srv/blank /"),
    ("/srv/back\\", "/srv/back\\/"),
])  # fmt: skip
def test_a_folder_is_written_without_quotes(path: str, written: str) -> None:
    assert directory(path) == written


@pytest.mark.parametrize(("text", "words"), [
    ("a  b\tc", ("a", "b", "c")),
    ("\"a b\" 'c d'", ("a b", "c d")),
    ('a"b c"d', ("ab cd",)),
    ('""', ("",)),
    ("\\x41\\102\\u0043\\U00000044\\s\\t.", ("ABCD \t.",)),
    ('"\\q"', ("\\q",)),
    ("", ()),
    ('"never ends', None),
    ("ends\\", None),
])  # fmt: skip
def test_a_line_is_split_as_systemd_splits_it(text: str, words: tuple[str, ...] | None) -> None:
    assert split(text) == words


@given(st.lists(folder_names | st.sampled_from(AWKWARD) | st.just(""), min_size=1, max_size=5))
def test_every_word_comes_back_from_the_line_it_was_written_into(words: list[str]) -> None:
    line = command_line(("/bin/echo", *words))
    assert [unspecified(each).replace("$$", "$") for each in split(line) or ()] == ["/bin/echo", *words]


@given(folder_names | st.sampled_from(AWKWARD))
def test_every_variable_comes_back_from_its_assignment(text: str) -> None:
    assert [unspecified(each) for each in split(assignment("X", text)) or ()] == [f"X={text}"]


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "a\tb", "a\0b", "\x1b[31m", "a\x85b", "a\udc80b", "a\ufffeb", "\ufdd0"]
)
def test_what_no_definition_can_spell_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        checked(f"/srv/{text}", "the path of the profile")
    said = refused.value.problem
    assert said.message.startswith("the path of the profile has the character ")
    assert said.message.isprintable() and said.message.isascii()
    for make in (render_unit, lambda spec: render_drop_in(spec, base=b"")):
        with pytest.raises(UsageProblem):
            make(spec_of(variables=(("X", text),)))


@given(st.binary(max_size=80))
def test_a_mark_fits_until_one_byte_changes(rest: bytes) -> None:
    content = add_checksum(b"# first\n" + rest)
    assert has_mark(content) and checksum_matches(content)
    assert not checksum_matches(content + b" ")
    assert not checksum_matches(content.replace(b"# first", b"# other"))


def test_a_mark_can_be_a_comment_of_supervisord() -> None:
    assert checksum_matches(add_checksum(b"; first\n[program:x]\n", comment=";"))
    assert not checksum_matches(b"; first\n[program:x]\n") and not has_mark(b"; first\n[program:x]\n")
