"""Removal of members: removed and kept files, and an unchanged pool in every case."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from command_root import CommandRoot, picture
from command_runner import Runner
from nightly import NIGHTLY
from sample_root import Breaking, Counting, Killing, noon, run_killed
from team_root import LEAD_TOKEN, POOL, make_member, make_team

from hermes_profiles.changes.apply import apply, recover, undo
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.model.errors import HermesProfilesError, NotFound, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.teams.model import read_teams
from hermes_profiles.teams.pool_copies import pool_links
from hermes_profiles.teams.remove import plan_keep_members, plan_trash_members, require_members

Plan = Callable[[Layout], ChangePlan]


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    world = CommandRoot(runner)
    make_team(world)
    return world


def layout_of(world: CommandRoot) -> Layout:
    return Layout(world.root, world.user)


def to_trash(*members: str, dissolve: bool = False) -> Plan:
    def plan(layout: Layout) -> ChangePlan:
        team = read_teams(layout).require("weixin")
        found = plan_trash_members(
            layout,
            team,
            members,
            dissolve=dissolve,
            trash_id="20260301T120000Z-0001",
            deleted_at="2026-03-01T12:00:00Z",
        )
        assert found.plan is not None
        return found.plan

    return plan


def alone(*members: str, dissolve: bool = False) -> Plan:
    def plan(layout: Layout) -> ChangePlan:
        team = read_teams(layout).require("weixin")
        found = plan_keep_members(layout, team, members, catalog_for(layout, {}), dissolve=dissolve)
        assert found.plan is not None
        return found.plan

    return plan


PLANS = {
    "trash": to_trash("anna"),
    "all": to_trash("anna", "bert", dissolve=True),
    "alone": alone("anna"),
    "all alone": alone("anna", "bert", dissolve=True),
}


def seen(world: CommandRoot) -> dict[str, tuple[object, ...]]:
    return picture(world.root, without=(".hermes-profiles",))


def pool(world: CommandRoot) -> dict[str, tuple[object, ...]]:
    return picture(world.root, without=("profiles",))


def do(world: CommandRoot, plan: Plan, files: Files | None = None) -> str:
    layout = layout_of(world)
    return apply(plan(layout), layout=layout, files=files, now=noon).change_id


def test_a_kept_member_gets_copies_and_shares_nothing(world: CommandRoot) -> None:
    before, home = pool(world), world.home("anna")
    own = {path: (home / path).read_bytes() for path in (".env", "config.yaml", "memories/MEMORY.md")}
    (world.root / "skills/late/SKILL.md").parent.mkdir()
    (world.root / "skills/late/SKILL.md").write_text("since yesterday\n")
    before = pool(world)
    do(world, alone("anna"))
    assert pool(world) == before, "the pool was touched"
    assert not [path for path in home.rglob("*") if path.is_symlink()]
    for path in (*POOL, "skills/late/SKILL.md"):
        assert (home / path).read_bytes() == (world.root / path).read_bytes()
    assert {path: (home / path).read_bytes() for path in own} == own
    assert read_teams(layout_of(world)).by_name["weixin"].members == ("bert",)
    assert "own" in (home / "profile.yaml").read_text(), "the description is the member's own"
    (world.root / "SOUL.md").write_text("You are somebody else.\n")
    assert (home / "SOUL.md").read_text() == POOL["SOUL.md"]


@pytest.mark.parametrize("place", ["skills/greet/SKILL.md", "SOUL.md", "plugins/wave/plugin.yaml"])
def test_a_kept_member_gets_no_identity_of_the_lead(world: CommandRoot, place: str) -> None:
    (world.root / place).write_text(f"call: {LEAD_TOKEN}\n")
    layout = layout_of(world)
    found = plan_keep_members(layout, read_teams(layout).by_name["weixin"], ("anna", "bert"), catalog_for(layout, {}),
                             dissolve=False)  # fmt: skip
    assert found.plan is not None
    apply(found.plan, layout=layout)
    for name in ("anna", "bert"):
        text = (world.home(name) / place).read_text()
        assert LEAD_TOKEN not in text and "removed: TELEGRAM_BOT_TOKEN" in text
    assert [problem.code for problem in found.warnings] == ["redacted"], "reported once for all members"
    assert LEAD_TOKEN in (world.root / place).read_text()


def test_links_of_the_lead_become_files_of_a_kept_member(world: CommandRoot, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep" / "SKILL.md").write_text("from elsewhere\n")
    (elsewhere / "SOUL.md").write_text("A soul from elsewhere.\n")
    (world.root / "SOUL.md").unlink()
    (world.root / "SOUL.md").symlink_to(elsewhere / "SOUL.md")
    for path in sorted((world.root / "skills").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (world.root / "skills").rmdir()
    (world.root / "skills").symlink_to(elsewhere)
    do(world, alone("anna"))
    home = world.home("anna")
    assert not (home / "skills").is_symlink() and (home / "skills/deep/SKILL.md").read_text() == "from elsewhere\n"
    assert not (home / "SOUL.md").is_symlink() and (home / "SOUL.md").read_text() == "A soul from elsewhere.\n"
    assert (world.root / "skills").is_symlink() and (elsewhere / "deep" / "SKILL.md").exists()


def test_links_that_are_the_members_own_stay(world: CommandRoot, tmp_path: Path) -> None:
    home = world.home("anna")
    (home / "plugins").unlink()
    (home / "plugins").symlink_to(tmp_path)
    (home / "knowledge").symlink_to("../bert/plugins")
    do(world, alone("anna"))
    assert (home / "plugins").readlink() == tmp_path and str((home / "knowledge").readlink()) == "../bert/plugins"


def test_without_a_lead_broken_links_are_removed(world: CommandRoot) -> None:
    (world.root / "profile.yaml").unlink()
    for path in ("SOUL.md", "plugins/wave/plugin.yaml"):
        (world.root / path).unlink()
    layout = layout_of(world)
    team = read_teams(layout).by_name["weixin"]
    assert team.lead == ""
    found = plan_keep_members(layout, team, ("anna",), catalog_for(layout, {}), dissolve=True)
    assert found.plan is not None and found.left[0].gone == ("SOUL.md",) and "skills" in found.left[0].copied
    apply(found.plan, layout=layout)
    assert not (world.home("anna") / "SOUL.md").is_symlink() and (world.home("anna") / "skills/greet").is_dir()


def test_the_pool_is_copied_from_the_present_lead(world: CommandRoot) -> None:
    make_team(world, ("carl",), lead="boss", team="sales")
    world.home("boss").rename(world.home("chef"))  # as `hermes profile rename` leaves it: the links lead nowhere
    layout = layout_of(world)
    found = plan_keep_members(layout, read_teams(layout).by_name["sales"], ("carl",), catalog_for(layout, {}),
                             dissolve=False)  # fmt: skip
    assert found.plan is not None and found.left[0].gone == ()
    apply(found.plan, layout=layout)
    assert (world.home("carl") / "SOUL.md").read_text() == POOL["SOUL.md"]


def test_undo_keeps_files_that_replaced_a_copy_since(world: CommandRoot) -> None:
    do(world, alone("anna"))
    home = world.home("anna")
    (home / "skills").rename(home / "skills-of-mine")
    (home / "skills").mkdir()
    (home / "skills" / "new.md").write_text("made since\n")
    before = seen(world)
    with pytest.raises(Refused):
        undo(layout_of(world), now=noon)
    assert seen(world) == before


@pytest.mark.parametrize("plan", [to_trash("anna", "bert", dissolve=True), alone("anna", "bert", dissolve=True)])
def test_a_dissolved_team_is_removed_from_all_profiles(world: CommandRoot, plan: Plan) -> None:
    do(world, plan)
    assert read_teams(layout_of(world)).by_name == {} and "teams" not in (world.root / "profile.yaml").read_text()


def test_unreadable_documents_of_the_lead_stop_the_removal(world: CommandRoot) -> None:
    (world.root / "config.yaml").write_text("model: [\n")
    before = seen(world)
    with pytest.raises(HermesProfilesError):
        do(world, alone("anna"))
    assert seen(world) == before


def test_a_member_is_restored_unchanged_from_the_trash(world: CommandRoot) -> None:
    before, pool_before = seen(world), pool(world)
    do(world, to_trash("anna"))
    assert not world.home("anna").exists() and pool(world) == pool_before
    (entry,) = (world.state / "trash").glob("*-anna/home")
    assert str((entry / "skills").readlink()) == "../../skills", "the link went along as a link"
    undo(layout_of(world), now=noon)
    assert seen(world) == before
    assert (world.home("anna") / "skills/greet/SKILL.md").read_text() == POOL["skills/greet/SKILL.md"]


def test_emptying_the_trash_does_not_follow_links(world: CommandRoot) -> None:
    before = pool(world)
    do(world, to_trash("anna", "bert", dissolve=False))
    world.ok("trash", "empty", "--yes")
    assert pool(world) == before and not list((world.state / "trash").iterdir())


def test_removing_all_removes_the_team_and_keeps_other_teams(world: CommandRoot) -> None:
    path = world.root / "profile.yaml"
    text = "# mine\ndescription: x\n" + path.read_text() + "  sales:\n    channel: telegram\n    share: skills\n"
    path.write_text(text)
    do(world, alone("anna", "bert", dissolve=True))
    assert list(read_teams(layout_of(world)).by_name) == ["sales"] and "# mine" in path.read_text()
    undo(layout_of(world), now=noon)
    assert path.read_text() == text


def test_profiles_that_are_not_members_are_refused(world: CommandRoot) -> None:
    make_team(world, ("carl",), lead="boss", team="sales")
    layout = layout_of(world)
    teams = read_teams(layout)
    assert require_members(teams, ("anna", "anna"), None) == (teams.by_name["weixin"], ("anna",))
    for names, team, kind, code in (
        (("default",), None, Refused, "is-lead"),
        (("nobody",), None, NotFound, "no-member"),
        (("anna",), "sales", NotFound, "no-member"),
        (("anna", "carl"), None, Refused, "two-teams"),
    ):
        with pytest.raises(kind) as caught:
            require_members(teams, names, team)
        assert caught.value.problem.code == code and caught.value.problem.hint


# The nightly run takes every operation.
STEP = 1 if NIGHTLY else 11


@pytest.mark.parametrize("kind", PLANS)
def test_kill_at_any_operation_leaves_the_old_team_or_the_new_one(runner: Runner, tmp_path: Path, kind: str) -> None:
    def fresh(number: int) -> CommandRoot:
        world = CommandRoot(runner, tmp_path / str(number) / ".hermes")
        make_team(world)
        return world

    world, files = fresh(0), Counting()
    do(world, PLANS[kind], files)
    new = seen(world)
    outcomes = set()
    for at in range(1, len(files.seen) + 1, STEP):
        world = fresh(at)
        old, pool_before = seen(world), pool(world)
        assert run_killed(lambda world=world, at=at: do(world, PLANS[kind], Killing(at))) == -9
        told = recover(layout_of(world), now=noon)
        assert not any("left alone" in sentence for sentence in told), at
        found = seen(world)
        assert found in (old, new), at
        assert "all" in kind or pool(world) == pool_before
        outcomes.add(found == new)
        if found == new:
            undo(layout_of(world), now=noon)
            assert seen(world) == old, at
    assert outcomes == {True, False}


@pytest.mark.parametrize("kind", PLANS)
def test_a_full_disk_at_any_operation_changes_nothing(runner: Runner, tmp_path: Path, kind: str) -> None:
    world, files = CommandRoot(runner, tmp_path / "0" / ".hermes"), Counting()
    make_team(world)
    do(world, PLANS[kind], files)
    new = seen(world)
    world = CommandRoot(runner, tmp_path / "1" / ".hermes")
    make_team(world)
    old = seen(world)
    for at in range(1, len(files.seen) + 1, STEP):
        try:
            do(world, PLANS[kind], Breaking(at, errno.ENOSPC))
        except HermesProfilesError as error:
            assert error.problem.hint and seen(world) == old, at
        else:
            assert seen(world) == new, at
            undo(layout_of(world), now=noon)
            assert seen(world) == old


def test_pool_links_finds_links_by_their_target(world: CommandRoot, tmp_path: Path) -> None:
    layout, home = layout_of(world), make_member(world, "carl")
    for path in ("hooks", "scripts", "skins", "knowledge"):
        (home / path).symlink_to({"hooks": "../bert/hooks", "scripts": "../anna/hooks", "skins": "../carl/skins",
                                  "knowledge": str(world.root / "knowledge")}[path])  # fmt: skip
    found = {link.path: link.owner for link in pool_links(layout, "carl")}
    assert found == {
        "skills": "default", "SOUL.md": "default", "plugins": "default", "hooks": "bert", "knowledge": "default",
    }  # fmt: skip
