"""Single settings: the new value is read back, nothing else changes, and the undo is byte for byte."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY

from hermes_profiles.changes.apply import apply, undo
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.paths import parsed_path
from hermes_profiles.documents.yaml.value import Value, canonical, parse_scalar, with_value
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.errors import DocumentError, NotFound, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.settings.files import (
    SettingsFile,
    check_may_write,
    checked_variable,
    found_value,
    parse_value,
    plan_settings,
    settings_file,
    shared_file_warnings,
    with_setting,
    with_variable,
    without_variables,
)

CATALOG = load_catalog()
CONFIG_TEXT = """\
# the persona of the house
model:
  default: gpt-5   # cheap
  provider: openai
shared: &shared
  retries: 3

toolsets:  # what it may use
  - web
  # on demand
  - terminal
platforms:
  telegram: {enabled: true, extra: {mention_only: yes}}
copy: *shared
merged:
  <<: *shared
  timeout: 60
prompt: |
  Be kind. # no comment
  Be short.
# the end
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    for name in ("work", "night"):
        layout.home(name).mkdir(parents=True)
    return layout


def write(layout: Layout, profile: str, name: str, content: str | bytes) -> Path:
    path = layout.home(profile) / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def changed(layout: Layout, file: SettingsFile, content: bytes, *, private: bool = True) -> None:
    step = file.replaced(content, private=private)
    assert step is not None
    apply(plan_settings(("config",), "a test", [(file.profile, step)]), layout=layout)


@pytest.mark.parametrize(("text", "as_text", "tag"), [
    ("true", False, "bool"), ("true", True, "str"), ("8", False, "int"), ("8", True, "str"), ("'8'", False, "str"),
    ('"x: y"', False, "str"), ("[a, 1, true]", False, "seq"), ("{a: [1]}", False, "map"), ("[]", False, "seq"),
    ("hello: world", False, "str"), ("# x", False, "str"), ("[a", True, "str"), ("- a", False, "str"),
])  # fmt: skip
def test_argument_is_parsed_as_expected(text: str, as_text: bool, tag: str) -> None:
    assert parse_value(text, as_text=as_text).tag == tag


@pytest.mark.parametrize(
    "text", ["[a", "{a: 1", "'CANARY", "[CANARY] and more", "{a: 1} b", "'a' # b\nc: CANARY", "[*x]"]
)
def test_invalid_yaml_argument_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_value(text, as_text=False)
    assert "CANARY" not in str(caught.value) and "--string" in (caught.value.problem.hint or "")


def test_a_file_that_is_not_there_is_made_private(layout: Layout) -> None:
    file = settings_file(layout, "work", CONFIG_FILE)
    changed(layout, file, with_setting(file, ("model", "default"), parse_scalar("gpt-5")).raw, private=False)
    path = layout.home("work") / CONFIG_FILE
    assert path.read_text() == "model:\n  default: gpt-5\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    undo(layout)
    assert not path.exists()


@pytest.mark.parametrize(("private", "mode"), [(False, 0o644), (True, 0o600)])
def test_a_file_keeps_its_mode_unless_a_secret_goes_in(layout: Layout, private: bool, mode: int) -> None:
    path = write(layout, "work", CONFIG_FILE, "a: 1\n")
    path.chmod(0o644)
    changed(layout, settings_file(layout, "work", CONFIG_FILE), b"a: 2\n", private=private)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_own_link_is_followed_and_stays_a_link(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "work.yaml"
    real.write_text("a: 1\n")
    link = layout.home("work") / CONFIG_FILE
    link.symlink_to(real)
    file = settings_file(layout, "work", CONFIG_FILE)
    check_may_write(layout, file)
    changed(layout, file, b"a: 2\n")
    assert link.is_symlink() and real.read_text() == "a: 2\n" and file.sharers == ()


def test_a_link_to_a_file_that_another_profile_reads_is_refused(layout: Layout) -> None:
    write(layout, "night", CONFIG_FILE, "a: 1\n")
    (layout.home("work") / CONFIG_FILE).symlink_to(layout.home("night") / CONFIG_FILE)
    with pytest.raises(Refused, match="which night reads too"):
        check_may_write(layout, settings_file(layout, "work", CONFIG_FILE))
    other = settings_file(layout, "night", CONFIG_FILE)
    check_may_write(layout, other)
    assert ["work" in warning.message for warning in shared_file_warnings(other)] == [True]


def test_concurrently_changed_file_is_not_overwritten(layout: Layout) -> None:
    path = write(layout, "work", CONFIG_FILE, "a: 1\n")
    file = settings_file(layout, "work", CONFIG_FILE)
    path.write_text("a: 1\nb: by another program\n")
    with pytest.raises(Exception, match="changed") as caught:
        changed(layout, file, b"a: 2\n")
    assert type(caught.value).__name__ in ("ChangedMeanwhile", "Refused")
    assert "by another program" in path.read_text()


def test_missing_path_error_lists_existing_keys(layout: Layout) -> None:
    write(layout, "work", CONFIG_FILE, CONFIG_TEXT)
    file = settings_file(layout, "work", CONFIG_FILE)
    with pytest.raises(NotFound) as caught:
        found_value(file, file.config(), ("model", "defualt"))
    assert "model holds: default, provider" in (caught.value.problem.hint or "")
    with pytest.raises(NotFound):
        settings_file(layout, "nobody", CONFIG_FILE)


PATHS = [
    "model.default", "model.provider", "model.new", "toolsets", "toolsets[0]", "toolsets[2]",
    "platforms.telegram.enabled",
    "platforms.telegram.extra.mention_only", "platforms.telegram.extra.new", "copy.retries", "merged.timeout",
    "merged.retries", "shared.retries", "prompt", "brand.new.path", "copy", "model",
]  # fmt: skip
VALUES = st.sampled_from(["true", "8", "text", "x: y", "[a, b]", "{k: [1, 2]}", "''", "two\nlines\n", "# no", "null"])


@settings(max_examples=1000 if NIGHTLY else 60, deadline=None, derandomize=not NIGHTLY)
@given(
    steps=st.lists(st.tuples(st.sampled_from(PATHS), st.none() | VALUES), min_size=1, max_size=5), ends=st.booleans()
)
def test_any_sequence_leaves_all_other_paths_and_comments_and_undoes_to_the_same_bytes(
    steps: list[tuple[str, str | None]], ends: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder).resolve() / ".hermes", Path(folder))
        layout.home("work").mkdir(parents=True)
        path = write(layout, "work", CONFIG_FILE, CONFIG_TEXT.replace("\n", "\r\n") if ends else CONFIG_TEXT)
        seen = [path.read_bytes()]
        for text, given_value in steps:
            keys = parsed_path(text)
            value = parse_value(given_value, as_text=False) if given_value is not None else None
            file = settings_file(layout, "work", CONFIG_FILE)
            before = file.config()
            try:
                after = with_setting(file, keys, value)
            except DocumentError as error:
                assert error.line is not None
                event("refused")
                continue
            if after.raw == seen[-1]:
                continue
            _assert_only_this(before, after, keys, value)
            changed(layout, file, after.raw)
            seen.append(path.read_bytes())
        event(f"{len(seen) - 1} changes")
        while len(seen) > 1:
            assert path.read_bytes() == seen.pop()
            undo(layout)
        assert path.read_bytes() == seen[0]


def _assert_only_this(before: YamlDocument, after: YamlDocument, keys: tuple[str, ...], value: Value | None) -> None:
    assert canonical(YamlDocument.parse(after.raw).value()) == canonical(with_value(before.value(), keys, value))
    old = before.get(keys)
    gone = set()
    if old is not None and (old.kind != "scalar" or value is None):
        first = old.key_line + (value is not None)  # the comment behind the key stays with it
        last = max(one.line for one in before.entries if one.path[: len(keys)] == keys)
        gone = {one.text for one in before.comments if first <= before.line_of(one.start) <= last}
    left = [one.text for one in after.comments]
    for comment in (one.text for one in before.comments):
        assert comment in left or comment in gone, comment


# --- .env


ENV_TEXT = (
    "# keys\nOPENAI_API_KEY=CANARY-1\n\nexport HASS_TOKEN='CANARY-2' # home\nEMPTY=\n# OLD_TOKEN=CANARY-3\nLAST=x"
)


def env_after(layout: Layout, content: str | bytes, name: str, value: str) -> bytes:
    write(layout, "work", ENV_FILE, content)
    return with_variable(settings_file(layout, "work", ENV_FILE), name, value, CATALOG)


@pytest.mark.parametrize(("content", "name", "value", "wanted"), [
    (ENV_TEXT, "EMPTY", "new", ENV_TEXT.replace("EMPTY=", "EMPTY=new")),
    (ENV_TEXT, "NEW", "a b", ENV_TEXT + "\nNEW=a b\n"),
    (ENV_TEXT, "HASS_TOKEN", "new", ENV_TEXT.replace("'CANARY-2' # home", "new")),
    (ENV_TEXT, "LAST", "x", ENV_TEXT),
    ("A=1\r\nB=2\r\n", "A", "# hash", "A='# hash'\r\nB=2\r\n"),
    ("\ufeffA=1\n", "A", "2", "\ufeffA=2\n"),
    ("A=1\nA=2\n", "A", "3", "A=1\nA=3\n"),
    ("", "A", "1", "A=1\n"),
    ("OPENAI_API_KEY=xTELEGRAM_BOT_TOKEN=y\n", "OPENAI_API_KEY", "z", "OPENAI_API_KEY=zTELEGRAM_BOT_TOKEN=y\n"),
])  # fmt: skip
def test_a_variable_is_set_and_the_rest_stays(layout: Layout, content: str, name: str, value: str, wanted: str) -> None:
    raw = env_after(layout, content, name, value)
    assert raw.decode() == wanted
    document = EnvDocument.parse(raw, known_keys=CATALOG.known_names)
    assert document.environment()[name] == document.line_environment()[name] == value


@pytest.mark.parametrize("value", ["two\nlines", "${HOME}", "'\"", "\"\\'x"])
def test_a_value_that_readers_would_read_differently_is_refused(layout: Layout, value: str) -> None:
    with pytest.raises(DocumentError, match=r"every reader|disagree"):
        env_after(layout, "A=1\n", "A", value)


def test_an_entry_that_one_reader_takes_for_part_of_another_is_refused(layout: Layout) -> None:
    write(layout, "work", ENV_FILE, 'PEM="one\nTELEGRAM_BOT_TOKEN=CANARY\ntwo"\n')
    with pytest.raises(DocumentError, match=r"\.env:\d+: readers disagree"):
        without_variables(settings_file(layout, "work", ENV_FILE), ["TELEGRAM_BOT_TOKEN"], CATALOG)


def test_bare_name_below_removes_no_hidden_value(layout: Layout) -> None:
    with pytest.raises(DocumentError):
        env_after(layout, "A=1\nA\n", "A", "2")


def test_variables_are_taken_out_with_their_duplicates(layout: Layout) -> None:
    write(layout, "work", ENV_FILE, "A=1\n# about b\nB=2\nA=3\n")
    raw, gone = without_variables(settings_file(layout, "work", ENV_FILE), ["A", "NONE"], CATALOG)
    assert (raw, gone) == (b"# about b\nB=2\n", ("A",))


@pytest.mark.parametrize("name", ["", "1A", "A-B", "sk-CANARY", "A B", "A\n", "Ä", "A=1"])
def test_invalid_name_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        checked_variable(name)
    assert "CANARY" not in str(caught.value) + str(caught.value.problem)


LINES = st.sampled_from(
    [
        "A=1",
        "B='two words'",
        "export C=3 # c",
        "# note",
        "",
        "A=again",
        'D="x#y"',
        "E=",
        "# A=old",
        "LONG_NAME=https://x/?a=b",
    ]
)


@settings(max_examples=1000 if NIGHTLY else 100, deadline=None, derandomize=not NIGHTLY)
@given(
    lines=st.lists(LINES, max_size=8),
    name=st.sampled_from("ABCDEF"),
    end=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
def test_any_variable_of_any_file(lines: list[str], name: str, end: str, data: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder).resolve() / ".hermes", Path(folder))
        layout.home("work").mkdir(parents=True)
        content = end.join(lines).encode()
        path = write(layout, "work", ENV_FILE, content)
        value = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12))
        file = settings_file(layout, "work", ENV_FILE)
        try:
            raw = with_variable(file, name, value, CATALOG)
        except DocumentError:
            event("refused")
            return
        before, after = EnvDocument.parse(content), EnvDocument.parse(raw)
        for view in ("environment", "line_environment"):
            assert getattr(after, view)() == {**getattr(before, view)(), name: value}
        kept = [line for line in content.splitlines() if name.encode() + b"=" not in line]
        lines_after = iter(raw.splitlines())
        assert all(line in lines_after for line in kept), "a line is gone, changed, or in another place"
        if raw != content:
            changed(layout, file, raw)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            undo(layout)
        assert path.read_bytes() == content
