"""Sync copies settings between profiles, and never identities."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermes_profiles.changes.apply import apply, undo
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.documents.yaml.paths import split_paths
from hermes_profiles.documents.yaml.value import to_json
from hermes_profiles.model.errors import DocumentError, HermesProfilesError, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.settings.diff import Difference, compare
from hermes_profiles.settings.sync import Sync, SyncRequest, plan_sync

CATALOG = load_catalog()
TOKEN = "7100000001:CANARYtelegramCANARYtelegram1"
SOURCE = f"""\
model: &model
  default: gpt-5  # the best
  provider: openai
auxiliary:
  <<: *model
  timeout: 9
fallback: *model
toolsets: [web, terminal]
note: the bot is {TOKEN}, do not tell
team: ${{SLACK_TEAM_ID}}
providers:
  x: {{api_key: CANARY-provider-key, url: http://x}}
platforms:
  telegram:
    enabled: true
    token: {TOKEN}
    extra: {{require_mention: true, allow_from: ["42"]}}
  api_server: {{extra: {{port: 8650}}}}
  brand_new: {{extra: {{colour: red}}}}
"""
TARGET = """\
# night shift
model:
  default: gpt-4   # cheap
  # keep this one
  base_url: http://local
toolsets:   # few
  - web
platforms:
  slack: {token: CANARY-own-slack-token}
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    for name, config in (("work", SOURCE), ("night", TARGET), ("bare", None)):
        layout.home(name).mkdir(parents=True)
        if config is not None:
            (layout.home(name) / "config.yaml").write_text(config)
    env = f"OPENAI_API_KEY=CANARY-openai\nTELEGRAM_BOT_TOKEN={TOKEN}\nAPI_SERVER_PORT=8650\nCOPY={TOKEN}\nPLAIN=1\n"
    (layout.home("work") / ".env").write_text(env)
    return layout


def sync(layout: Layout, keys: str = "", names: str = "", to: str = "night", *, exact: bool = False) -> Sync:
    request = SyncRequest("work", tuple(to.split()), tuple(split_paths([keys])), tuple(names.split()), exact)
    found = plan_sync(layout, request, CATALOG)
    assert "CANARY" not in repr(found)
    return found


def done(layout: Layout, found: Sync) -> None:
    assert found.plan is not None
    apply(found.plan, layout=layout)


def config(layout: Layout, name: str) -> str:
    return (layout.home(name) / "config.yaml").read_text()


def test_a_subtree_is_laid_over_what_is_there_and_comments_stay(layout: Layout) -> None:
    found = sync(layout, "model, toolsets", to="night bare")
    night, bare = found.targets
    assert [(each.key, each.action) for each in night.changes] == [
        ("model.default", "set"), ("model.provider", "add"), ("model.base_url", "keep"), ("toolsets", "set"),
    ]  # fmt: skip
    assert [(each.key, each.action) for each in bare.changes] == [("model", "add"), ("toolsets", "add")]
    before = config(layout, "night")
    done(layout, found)
    assert config(layout, "night") == (
        "# night shift\nmodel:\n  default: gpt-5   # cheap\n  # keep this one\n  base_url: http://local\n"
        "  provider: openai\ntoolsets:   # few\n  - web\n  - terminal\n"
        "platforms:\n  slack: {token: CANARY-own-slack-token}\n"
    )
    assert config(layout, "bare") == "model:\n  default: gpt-5\n  provider: openai\ntoolsets:\n  - web\n  - terminal\n"
    again = sync(layout, "model,toolsets", to="night bare")
    assert again.plan is None and all(not target.steps for target in again.targets)
    undo(layout)
    assert config(layout, "night") == before and not (layout.home("bare") / "config.yaml").exists()


def test_exact_removes_keys_that_the_source_does_not_have(layout: Layout) -> None:
    done(layout, sync(layout, "model", exact=True))
    assert "base_url" not in config(layout, "night") and "# keep this one" in config(layout, "night")
    assert sync(layout, "model", exact=True).plan is None


@pytest.mark.parametrize(("key", "wanted"), [
    ("fallback", "fallback:\n  default: gpt-5\n  provider: openai\n"),
    ("auxiliary", "auxiliary:\n  default: gpt-5\n  provider: openai\n  timeout: 9\n"),
    ("auxiliary.default", "auxiliary:\n  default: gpt-5\n"),
    ("team", 'team: "${SLACK_TEAM_ID}"\n'),
])  # fmt: skip
def test_aliases_and_merges_arrive_as_plain_values(layout: Layout, key: str, wanted: str) -> None:
    done(layout, sync(layout, key, to="bare"))
    assert config(layout, "bare") == wanted


@pytest.mark.parametrize(("keys", "names", "told"), [
    ("platforms", "", "platforms.telegram.token"),
    ("platforms.telegram", "", "platforms.telegram.token"),
    ("platforms.telegram.token", "", "a credential of telegram"),
    ("platforms.telegram.extra.allow_from", "", "identity setting"),
    ("platforms.telegram.extra", "", "allow_from"),
    ("platforms.api_server.extra.port", "", "platforms.api_server.extra.port"),
    ("platforms.brand_new.extra.colour", "", "brand_new"),
    ("note", "", "note holds the value of"),
    ("model,note", "", "note holds the value of"),
    ("", "TELEGRAM_BOT_TOKEN", "identity credential"),
    ("", "API_SERVER_PORT", "API_SERVER_PORT is not copied"),
    ("", "COPY", "COPY holds the value of"),
    ("model", "OPENAI_API_KEY TELEGRAM_BOT_TOKEN", "identity credential"),
])  # fmt: skip
def test_identity_is_never_copied_by_name_or_by_value(layout: Layout, keys: str, names: str, told: str) -> None:
    with pytest.raises(Refused, match=told) as caught:
        sync(layout, keys, names)
    assert "CANARY" not in str(caught.value) + str(caught.value.problem)


@pytest.mark.parametrize("name", ["API_SERVER_PORT", "API_SERVER_KEY"])
def test_unique_values_are_not_copied(layout: Layout, name: str) -> None:
    with (layout.home("work") / ".env").open("a") as env:
        env.write("API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARY-server-key\n")
    with pytest.raises(Refused, match=f"{name} is not copied.*must be unique"):
        sync(layout, names=name)


def test_a_target_that_reads_the_file_of_another_is_refused(layout: Layout) -> None:
    (layout.home("bare") / "config.yaml").symlink_to(layout.home("night") / "config.yaml")
    with pytest.raises(Refused, match="which night reads too"):
        sync(layout, "toolsets", to="bare")


def test_options_and_keys_of_tools_are_copied(layout: Layout) -> None:
    found = sync(layout, "platforms.telegram.extra.require_mention,providers", "OPENAI_API_KEY PLAIN", to="bare night")
    assert all(each.before is each.after is None for each in found.targets[0].changes if each.hidden)
    assert {each.key for each in found.targets[0].changes if each.hidden} == {"providers", "OPENAI_API_KEY", "PLAIN"}
    done(layout, found)
    for name in ("bare", "night"):
        assert (layout.home(name) / ".env").read_text() == "OPENAI_API_KEY=CANARY-openai\nPLAIN=1\n"
        assert (layout.home(name) / ".env").stat().st_mode & 0o777 == 0o600
        assert (layout.home(name) / "config.yaml").stat().st_mode & 0o777 == 0o600, "a secret went in"
        assert "CANARY-provider-key" in config(layout, name) and TOKEN not in config(layout, name)
    assert sync(layout, "providers", "OPENAI_API_KEY PLAIN", to="bare night").plan is None


@pytest.mark.parametrize("exact", [True, False])
def test_the_targets_own_identity_is_not_touched(layout: Layout, exact: bool) -> None:
    (layout.home("work") / "config.yaml").write_text("platforms:\n  slack: {extra: {reply_in_thread: true}}\n")
    if exact:
        with pytest.raises(Refused, match=r"platforms\.slack\.token of night belongs to its own slack"):
            sync(layout, "platforms", exact=True)
        return
    done(layout, sync(layout, "platforms"))
    assert "CANARY-own-slack-token" in config(layout, "night")


@pytest.mark.parametrize(("broken", "line"), [
    ("model: [1\n", None),
    ("base: &m\n  default: a\n\nmodel: *m\nother: 1\nbase2: {<<: *m}\n", None),
    ("model: &m {default: a}\nother: *m\n", 1),
])  # fmt: skip
def test_one_target_that_cannot_be_edited_stops_them_all(layout: Layout, broken: str, line: int | None) -> None:
    (layout.home("bare") / "config.yaml").write_text(broken)
    if "base2" in broken:  # an alias gives way to a value of its own
        done(layout, sync(layout, "model", to="night bare"))
        assert config(layout, "bare").startswith("base: &m\n  default: a\n\nmodel: {<<: *m, default: gpt-5")
        return
    with pytest.raises(DocumentError, match=r"bare/config\.yaml:\d+: ") as caught:
        sync(layout, "model", to="night bare")
    assert caught.value.line and (line is None or caught.value.line == line)
    assert config(layout, "night") == TARGET and not layout.state.exists()


def test_missing_key_of_the_source_is_named(layout: Layout) -> None:
    for keys, names, command in (("model.nope", "", "config get work"), ("", "NOPE", "env list work")):
        with pytest.raises(NotFound, match=r"work has no (model\.nope|NOPE)") as caught:
            sync(layout, keys, names)
        assert command in (caught.value.problem.hint or "")


def test_switching_on_a_channel_of_a_taken_bot_is_a_warning(layout: Layout) -> None:
    (layout.home("night") / "config.yaml").write_text(f"platforms:\n  telegram: {{enabled: false, token: '{TOKEN}'}}\n")
    found = sync(layout, "platforms.telegram.enabled")
    assert [(each.code, each.target) for each in found.warnings] == [("shared-identity", "work")]


# --- diff


def rows(layout: Layout, a: str = "work", b: str = "night") -> dict[tuple[str, str], Difference]:
    return {(each.place, each.key): each for each in compare(layout, a, b, CATALOG).differences}


def test_differences_are_reported_without_secrets(layout: Layout) -> None:
    found = rows(layout)
    one = found["config", "model.default"]
    assert (one.a and to_json(one.a), one.b and to_json(one.b)) == ("gpt-5", "gpt-4")
    assert found["config", "toolsets"].a is not None and found["config", "model.base_url"].in_a is False
    secret = found["config", "providers.x.api_key"]
    assert secret.hidden and secret.a is secret.b is None and secret.in_a and not secret.in_b
    assert found["env", "OPENAI_API_KEY"].hidden and not found["env", "OPENAI_API_KEY"].role.is_identity
    assert found["env", "TELEGRAM_BOT_TOKEN"].role.is_identity
    assert "CANARY" not in repr(found) and not rows(layout, "work", "work")


def test_files_are_compared_by_kind(layout: Layout) -> None:
    for name, soul in (("work", "kind"), ("night", "curt")):
        home = layout.home(name)
        (home / "SOUL.md").write_text(soul)
        (home / "skills" / "both").mkdir(parents=True)
        (home / "skills" / name).mkdir()
        (home / "profile.yaml").write_text(
            f"description: for {name}\ndisabled: {'true' if name == 'night' else 'false'}\n"
        )
    found = rows(layout)
    files = {key for place, key in found if place == "file"}
    assert files == {"SOUL.md", "skills/work", "skills/night", "profile.yaml: description", "profile.yaml: disabled"}
    assert found["file", "SOUL.md"].in_a and found["file", "SOUL.md"].in_b, "same size, other words"


def test_equal_meanings_in_another_spelling_are_no_difference(layout: Layout) -> None:
    for name, text in (("work", "a: true\nb: [1, x]\nc: {d: 'x'}\n"), ("night", "b:\n- 1\n- x\nc:\n  d: x\na: yes\n")):
        (layout.home(name) / "config.yaml").write_text(text)
    assert not [key for place, key in rows(layout) if place == "config"]


def test_equal_identities_are_a_warning(layout: Layout) -> None:
    (layout.home("night") / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\nSLACK_BOT_TOKEN=your_token\n")
    found = compare(layout, "work", "night", CATALOG)
    assert [(each.code, "telegram" in each.message) for each in found.warnings] == [("shared-identity", True)]
    assert json.dumps([each.as_dict() for each in found.warnings]).count("CANARY") == 0
    # A channel that is off, and holds the same credential all the same.
    (layout.home("night") / "config.yaml").write_text("platforms: {telegram: {enabled: false}}\n")
    off = compare(layout, "work", "night", CATALOG)
    assert [each.target for each in off.warnings] == ["TELEGRAM_BOT_TOKEN"]


@pytest.mark.parametrize("name", ["config.yaml", ".env"])
def test_a_broken_file_is_named_with_its_line(layout: Layout, name: str) -> None:
    (layout.home("night") / name).write_text('a: "CANARY\nb=1\n' if name == ".env" else "a: [1\nb: 2\n")
    if name == ".env":
        (layout.home("night") / name).write_text('A="CANARY\nB=1\n')
    with pytest.raises(HermesProfilesError, match=rf"night/{name.replace('.', '[.]')}:\d") as caught:
        rows(layout)
    assert "CANARY" not in str(caught.value)
