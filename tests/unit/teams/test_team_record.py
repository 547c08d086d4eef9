"""Teams in profile.yaml: reading returns what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.model.errors import NotFound, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.profile_yaml import Values, edit_profile_yaml
from hermes_profiles.teams.accounts import short_id
from hermes_profiles.teams.model import (
    Membership,
    Team,
    check_team_name,
    membership_values,
    read_membership,
    read_teams,
    team_values,
)
from hermes_profiles.teams.shares import DEFAULT_SHARES, Share, check_shares, linked_paths


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for name in ("ann", "bob", "boss"):
        (tmp_path / "root" / "profiles" / name).mkdir(parents=True)
    return Layout(tmp_path / "root", tmp_path)


def write(layout: Layout, profile: str, values: Values) -> None:
    path = layout.home(profile) / "profile.yaml"
    raw = path.read_bytes() if path.exists() else b"# mine\ndescription: x\n"
    path.write_bytes(edit_profile_yaml(raw, values, path=str(path)))


TEAM = Team("family", "boss", "weixin", (Share.SKILLS, Share.KEYS), ())


def test_a_team_is_read_as_it_was_written(layout: Layout) -> None:
    write(layout, "boss", team_values(TEAM))
    ann = Membership("family", ("OPENAI_API_KEY", "TZ"), ("model.default",))
    write(layout, "ann", membership_values(ann))
    write(layout, "bob", membership_values(Membership("family")))
    teams = read_teams(layout)
    assert teams.by_name == {"family": TEAM._replace(members=("ann", "bob"))}
    assert teams.memberships == {"ann": ann, "bob": Membership("family")}
    assert read_membership(layout.home("ann")) == ann
    assert teams.of("ann") == teams.require(" Family ") == teams.led_by("boss")[0]
    assert teams.of("boss") is None and teams.led_by("ann") == ()
    assert (layout.home("boss") / "profile.yaml").read_bytes().startswith(b"# mine\ndescription: x\n")


def test_members_without_a_lead_are_still_a_team(layout: Layout) -> None:
    write(layout, "ann", membership_values(Membership("lost")))
    assert read_teams(layout).require("lost") == Team("lost", "", "", DEFAULT_SHARES, ("ann",))


def test_one_lead_alone_has_a_team(layout: Layout) -> None:
    write(layout, "boss", team_values(TEAM))
    write(layout, "bob", team_values(TEAM._replace(channel="slack")))
    assert read_teams(layout).require("family").lead == "bob"


@pytest.mark.parametrize(
    "text",
    [
        "team: 3\n",
        "team: [a]\n",
        "team: {}\n",
        "team: {name: ''}\n",
        "teams: x\n",
        "team: {name: t\n",
        "\xff\n",
        "- a\n",
    ],
)
def test_invalid_team_records_are_ignored(layout: Layout, text: str) -> None:
    (layout.home("ann") / "profile.yaml").write_text(text, encoding="latin-1")
    assert read_teams(layout).by_name == {} and read_membership(layout.home("ann")) is None


def test_an_unknown_team_is_refused_with_the_existing_ones(layout: Layout) -> None:
    with pytest.raises(NotFound) as none:
        read_teams(layout).require("x")
    assert "team create" in (none.value.problem.hint or "")
    write(layout, "boss", team_values(TEAM))
    with pytest.raises(NotFound) as error:
        read_teams(layout).require("x")
    assert "family" in (error.value.problem.hint or "") and error.value.exit_code == 5


def test_names_of_teams_follow_the_rule_of_profiles() -> None:
    assert check_team_name(" Family-2 ") == "family-2"
    for name in ("", "a b", "../x", "ä", "-x"):
        with pytest.raises(UsageProblem, match="valid team name"):
            check_team_name(name)


def test_shares() -> None:
    assert check_shares("keys, SKILLS") == (Share.SKILLS, Share.KEYS)
    assert check_shares("none") == ()
    for text in ("", ",", "skill", "none,skills"):
        with pytest.raises(UsageProblem) as error:
            check_shares(text)
        assert "skills, persona" in (error.value.problem.hint or "")
    assert linked_paths((Share.PERSONA, Share.PLUGINS, Share.CONFIG)) == (
        "SOUL.md", "plugins", "hooks", "scripts", "skins",
    )  # fmt: skip


def test_short_id_abbreviates_an_account() -> None:
    assert short_id("mum") == "mum" and short_id("mum-12@im.bot") == "mum-12"
    assert short_id("b0f5860fdecb@im.bot") == "b0f5…decb" and short_id("@a") == "@a"
    assert short_id("+491701234567") == "+491…4567"
