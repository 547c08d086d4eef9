"""`diff --all`: where which profile differs from most, without secrets; and `group` alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from command_root import CommandRoot

from hermes_profiles.settings import diff

CONFIG = "model:\n  default: gpt-5\n  provider: openai\n"
SECRET = "OPENAI_API_KEY=sk-CANARY-{}-0123456789\n"


@pytest.fixture
def three(bare: CommandRoot) -> CommandRoot:
    bare.make("default", {"config.yaml": CONFIG, ".env": SECRET.format("one")})
    bare.make("kid", {"config.yaml": CONFIG, ".env": SECRET.format("two") + "TELEGRAM_BOT_TOKEN=7:CANARYkid\n"})
    bare.make("work", {"config.yaml": CONFIG.replace("gpt-5", "gpt-4"), ".env": SECRET.format("one")})
    return bare


def _rows(data: Any) -> dict[str, list[tuple[tuple[str, ...], Any]]]:
    return {
        row["key"]: [(tuple(each["profiles"]), each["value"] if each["set"] else "-") for each in row["values"]]
        for row in data["settings"]
    }


def test_matrix_shows_what_most_have_and_who_differs(three: CommandRoot) -> None:
    done = three.unchanged_by("diff", "--all", code=0)
    assert done.stdout.splitlines() == [
        "3 profiles differ in 2 settings",
        "",
        "setting         most have  kid    work",
        "model.default   gpt-5      -      gpt-4",
        "OPENAI_API_KEY  *** 1      *** 2  -",
        "`-`: what most have",
        "identities are left out (1): each profile has its own; `--json` has them",
    ]


def test_json_groups_profiles_by_value_and_hides_secrets(three: CommandRoot) -> None:
    data = three.ok("diff", "--all", "--json").data
    assert data["profiles"] == ["default", "kid", "work"]
    assert _rows(data) == {
        "model.default": [(("default", "kid"), "gpt-5"), (("work",), "gpt-4")],
        "OPENAI_API_KEY": [(("default", "work"), None), (("kid",), None)],
        "TELEGRAM_BOT_TOKEN": [(("default", "work"), "-"), (("kid",), None)],
    }


def test_keys_choose_settings_also_where_all_are_alike(three: CommandRoot) -> None:
    data = three.ok("diff", "--all", "--keys", "model.provider,TELEGRAM_BOT_TOKEN", "--json").data
    assert list(_rows(data)) == ["model.provider", "TELEGRAM_BOT_TOKEN"]
    assert "3 profiles differ in nothing" in three.ok("diff", "--all", "--keys", "model.provider").stdout
    assert "no profile has any of these keys" in three.ok("diff", "--all", "--keys", "mod").stdout


def test_check_exits_3_for_drift_and_not_for_identities(three: CommandRoot) -> None:
    assert three.call("diff", "--all", "--check").code == 3
    assert three.call("diff", "--all", "--keys", "TELEGRAM_BOT_TOKEN", "--check").code == 0


def test_profile_that_cannot_be_read_is_left_out_with_a_warning(three: CommandRoot) -> None:
    (three.home("work") / "config.yaml").write_text("model: [\n")
    done = three.ok("diff", "--all", "--json")
    assert done.data["profiles"] == ["default", "kid"] and str(three.home("work")) in str(done.json["warnings"])


def test_each_profile_is_read_once(three: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()
    real = diff.settings_file

    def counted(layout: Any, profile: str, name: str, readers: Any = None) -> Any:
        assert readers is not None  # without it every file would look at all profiles
        read[f"{profile} {name}"] += 1
        return real(layout, profile, name, readers)

    monkeypatch.setattr(diff, "settings_file", counted)
    three.ok("diff", "--all")
    assert len(read) == 6 and set(read.values()) == {1}


@pytest.mark.parametrize("given", [(), ("default",), ("default", "--all"), ("default", "kid", "--keys", "a")])
def test_diff_wants_two_profiles_or_all(three: CommandRoot, given: tuple[str, ...]) -> None:
    done = three.unchanged_by("diff", *given, "--json", code=2)
    assert "hermes-profiles diff --all" in done.problem["hint"]


def test_group_alone_lists_groups(three: CommandRoot) -> None:
    gateways = three.runner.gateways
    assert "hermes-gateways group NAME PROFILE" in gateways("group").stdout
    assert gateways("group", "home", "kid", "default").code == 0 and gateways("group", "all", "work").code == 0
    assert gateways("group", "--json").data["groups"] == [
        {"group": "all", "profiles": ["work"]},
        {"group": "home", "profiles": ["default", "kid"]},
    ]
    assert gateways("group").stdout.splitlines()[-1].split(maxsplit=2) == ["home", "2", "default, kid"]
