"""Sync with arbitrary files: it settles, keeps own settings, and a kill leaves the old or the new state."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY
from ruamel.yaml import YAML
from sample_root import Breaking, Counting, Killing, run_killed, strays
from sample_root import SampleRoot as Root
from synced_team import CATALOG, KEY, LEAD_TOKEN, SyncedTeam, make_synced_team, noon, rows

from hermes_profiles.changes.apply import apply, recover, undo
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.fast_reader import EVERYTHING
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.teams.model import read_teams
from hermes_profiles.teams.quick_drift import LeadSnapshot, ProfileSnapshot

SCALARS = st.sampled_from(["a", "gpt-5", "${SLACK_TEAM_ID}", 1, 2.5, True, False, None, "", "friend"])
LISTS = st.lists(SCALARS, max_size=2)
LEAVES = st.one_of(SCALARS, LISTS)
INNER = st.dictionaries(st.sampled_from(["default", "provider", "a.b", "0", "enabled", "token"]), LEAVES, max_size=3)
EXTRA = st.dictionaries(
    st.sampled_from(["require_mention", "dm_policy", "allow_from", "reply_to_mode", "chat_id", "webhook_url"]), LEAVES,
    max_size=3,
)  # fmt: skip
BLOCK = st.fixed_dictionaries(
    {}, optional={"enabled": st.booleans(), "token": st.just("CANARY-own-token-1"), "extra": EXTRA, "odd": LEAVES}
)
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "model": st.one_of(SCALARS, INNER), "toolsets": LISTS, "mcp_servers": st.dictionaries(st.just("x"), INNER),
        "onboarding": st.fixed_dictionaries({}, optional={"seen": INNER, "profile_build": SCALARS}),
        "gateway": st.fixed_dictionaries(
            {}, optional={"multiplex_profiles": st.booleans(), "timeout": SCALARS, "platforms": st.just({}),
                          "relay_id": SCALARS}
        ),
        "platforms": st.one_of(
            st.none(), st.dictionaries(st.sampled_from(["weixin", "telegram", "slack", "brand_new"]), BLOCK, max_size=3)
        ),
        "telegram": BLOCK, "TELEGRAM_HOME_CHANNEL": SCALARS, "plain": SCALARS,
    },
)  # fmt: skip
VALUES = st.sampled_from(
    ["x", "two words", "'quoted'", '"a # b"', "${TZ}/y", "sk-CANARY-2", "a\\nb", "", '"it\'s"', "é", "a=b"]
)
NAMES = ["OPENAI_API_KEY", "TZ", "MY_KEY", "SLACK_TEAM_ID", "WEIXIN_TOKEN", "TELEGRAM_BOT_TOKEN", "HASS_TOKEN", "A"]
IDENTITIES = ("SLACK_TEAM_ID", "WEIXIN_TOKEN", "TELEGRAM_BOT_TOKEN", "HASS_TOKEN")
ENV = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)
OWN = st.lists(
    st.sampled_from(["model", "model.default", "plain", "TZ", "platforms.telegram", "gateway.timeout"]), max_size=2
)


def dumped(data: Any) -> str:
    import io

    stream = io.StringIO()
    YAML(typ="safe").dump(data, stream)
    return stream.getvalue() if data else ""


def written(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def identity_of(world: SyncedTeam, name: str) -> dict[tuple[str, ...], str | None]:
    """Return the identity settings of a member, found independently of the package."""
    document = YamlDocument.parse((world.home(name) / "config.yaml").read_bytes())
    found = {}
    for entry in document.entries:
        place = channel_place(entry.path, CATALOG)
        inner = entry.path[len(place.block) :] if place is not None else ()
        if place is not None and inner and inner[-1] in ("token", "allow_from", "dm_policy", "chat_id", "enabled"):
            found[entry.path] = entry.value if entry.kind == "scalar" else "…"
    return {path: text for path, text in found.items() if len(path) > 1}


@given(lead=CONFIG, member=CONFIG, lead_env=ENV, member_env=ENV, own=OWN)
@settings(max_examples=300 if NIGHTLY else 30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sync_settles_and_keeps_what_is_the_members(
    lead: Any, member: Any, lead_env: dict[str, str], member_env: dict[str, str], own: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = make_synced_team(Path(folder), "ann", accounts=False)
        world.write("default", {"config.yaml": dumped(lead), ".env": written(lead_env)})
        world.write("ann", {"config.yaml": dumped(member), ".env": written(member_env)})
        if own:
            world.write("ann", {"profile.yaml": f"team: {{name: family, own: '{', '.join(own)}'}}\n"})
        env_before = HomeFiles(world.home("ann")).environment((".env",))
        before, lead_files = identity_of(world, "ann"), (world.layout.root / "config.yaml").read_bytes()
        quick = may_differ(world)
        found = world.plan()
        for fault in found.problems:  # documents that cannot be edited are reported with their place
            assert fault.hint or fault.message
        if found.problems:
            return
        assert quick or found.plan is None, rows(found)
        if found.plan is not None:
            apply(found.plan, layout=world.layout, now=noon)
        again = world.plan()
        assert (rows(again), again.plan, again.problems) == ({}, None, ())
        after = identity_of(world, "ann")
        assert {path: text for path, text in after.items() if path in before} == before
        assert all(path[-1] == "enabled" and text == "false" for path, text in after.items() if path not in before)
        assert (world.layout.root / "config.yaml").read_bytes() == lead_files
        env, lead_env = (HomeFiles(world.home(name)).environment((".env",)) for name in ("ann", "default"))
        for name in ("WEIXIN_TOKEN", "TELEGRAM_BOT_TOKEN"):
            assert env.get(name) == env_before.get(name)
        parts = _parts(member_env, ("WEIXIN_TOKEN", "TELEGRAM_BOT_TOKEN", *own))
        for name in ("OPENAI_API_KEY", "TZ", "MY_KEY", "A"):
            came = name in ("OPENAI_API_KEY", "TZ") and not own  # from the lead, when the team was made
            before_it = None if came else env_before.get(name)
            given = lead_env.get(name)
            if "/y" in (env.get(name) or ""):  # made of another variable, which may have gone
                continue
            if name in parts:  # what the member's own is made of does not change under it
                assert env.get(name) == env_before.get(name)
                continue
            if given and given in {lead_env.get(each) for each in IDENTITIES}:  # an identity value is kept at any place
                continue
            expected = env_before.get(name) if name in own else given or before_it
            assert env.get(name) == expected
        mine, theirs = (_data(world, name) for name in ("ann", "default"))
        for key in ("toolsets", "plain", "mcp_servers", *(() if {"model", "model.default"} & set(own) else ("model",))):
            assert key in own or _solid(mine.get(key)) == _solid(theirs.get(key))


def _parts(env: dict[str, str], names: Iterable[str]) -> set[str]:
    """Return the variables that the values of these are made of."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        new = set(re.findall(r"\$\{([A-Z_]+)\}", env.get(waiting.pop(), ""))) - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("lead_has", ["", "TZ=other\n"])
def test_variables_of_a_members_token_are_kept(tmp_path: Path, lead_has: str) -> None:
    world = make_synced_team(tmp_path, "ann", accounts=False)
    world.write("default", {".env": lead_has})
    world.write("ann", {".env": "TZ=x\nA=${TZ}-a\nWEIXIN_TOKEN=${A}/CANARY-token\n",
                        "profile.yaml": "team: {name: family, env: 'A, TZ'}\n"})  # fmt: skip
    world.sync()
    assert HomeFiles(world.home("ann")).environment((".env",))["WEIXIN_TOKEN"] == "x-a/CANARY-token"


def _data(world: SyncedTeam, name: str) -> dict[str, Any]:
    data = YamlDocument.parse((world.home(name) / "config.yaml").read_bytes()).data()
    return data if isinstance(data, dict) else {}


def _solid(value: Any) -> Any:
    """Return a value without empty mappings: they are as good as none."""
    if not isinstance(value, dict):
        return value
    return {key: below for key, each in value.items() if (below := _solid(each)) is not None} or None


def may_differ(world: SyncedTeam) -> bool:
    teams = read_teams(world.layout)

    def seen(name: str) -> ProfileSnapshot:
        files = HomeFiles(world.home(name), CATALOG.known_names)
        held = claimed_resources(world.home(name), catalog=CATALOG)
        return ProfileSnapshot(files.sections("config.yaml", EVERYTHING), files.environment((".env",)), held.channels)

    return LeadSnapshot(teams.require("family"), seen("default"), CATALOG).may_differ(
        seen("ann"), teams.memberships["ann"]
    )


# --- variables


@pytest.mark.parametrize(
    "value",
    [
        "plain", "two words", "'a b'", '"a # b"', "a#b", "a # note", "'it is \"x\"'", "\"it's\"", "${TZ}/x", "'${TZ}'",
        '"-----BEGIN X-----\nCANARYCANARY\n-----END X-----"', "a\\nb", '"a\\nb"', "é ü", "a=b", "x;y&z", "$HOME",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "MY_KEY=old\n", "MY_KEY=old # mine\nMY_KEY=older\n", "export MY_KEY='old'\r\n"])
def test_a_variable_arrives_as_every_reader_sees_it(tmp_path: Path, value: str, before: str) -> None:
    world = make_synced_team(tmp_path, "ann")
    world.write("default", {".env": world.read("default", ".env") + f"MY_KEY={value}\nLAST=1\n"})
    world.write("ann", {".env": before + world.read("ann", ".env")})
    found = world.plan()
    if found.problems:  # then nothing is written, and the place is named
        assert ".env" in found.problems[0].message and found.problems[0].hint
        return
    world.sync()
    for name in ("MY_KEY", "LAST", "OPENAI_API_KEY"):
        ann, lead = (HomeFiles(world.home(one)).environment((".env",))[name] for one in ("ann", "default"))
        assert ann == lead, name
    assert "CANARY-ann-weixin-token" in world.read("ann", ".env") and LEAD_TOKEN not in world.read("ann", ".env")


# --- kills and errors


def broken(root: Path) -> SyncedTeam:
    """Return a team with all kinds of drift."""
    world = make_synced_team(root)
    world.write("default", {"plugins/x/plugin.yaml": "name: x\n", "NOTES": "n"})
    world.edit("default", "config.yaml", "gpt-5", "gpt-6")
    world.edit("default", ".env", KEY, "sk-CANARY-shared-key-0002")
    (world.home("ann") / "skills").unlink()
    (world.home("ann") / "SOUL.md").unlink()
    (world.home("bob") / "SOUL.md").unlink()
    (world.home("bob") / "SOUL.md").symlink_to("../gone/SOUL.md")
    world.write("ann", {"skills/own/SKILL.md": "# own\n", "SOUL.md": "seeded\n"})
    for folder, _, files in os.walk(root):
        for name in files:
            path = Path(folder) / name
            os.utime(path, ns=(1_700_000_000_000_000_000,) * 2, follow_symlinks=False)
    return world


def test_a_kill_at_any_operation_leaves_old_or_new(tmp_path: Path) -> None:
    world = broken(tmp_path / "measured")
    plan = world.plan().plan
    assert plan is not None
    files = Counting()
    apply(plan, layout=world.layout, files=files, now=noon)
    outcomes = set()
    for at in range(1, len(files.seen) + 1, 1 if NIGHTLY else 23):
        root = tmp_path / str(at)
        world = broken(root)
        old = world.picture()
        plan = world.plan().plan
        assert plan is not None
        assert (
            run_killed(lambda plan=plan, world=world, at=at: apply(plan, layout=world.layout, files=Killing(at))) == -9
        )
        assert not any("left alone" in sentence for sentence in recover(world.layout))
        assert strays(Root(root, world.layout)) == []
        outcomes.add(is_old := world.picture() == old)
        if is_old:
            apply(world.plan().plan, layout=world.layout, now=noon)  # type: ignore[arg-type]
        assert world.plan().plan is None
        assert world.read("ann", "SOUL.md") == "You are kind.\n"
        undo(world.layout, now=noon)
        assert world.picture() == old
    assert outcomes == {True, False}


def test_a_failing_disk_changes_nothing(tmp_path: Path) -> None:
    world = broken(tmp_path / "measured")
    files = Counting()
    apply(world.plan().plan, layout=world.layout, files=files, now=noon)  # type: ignore[arg-type]
    for at in range(1, len(files.seen) + 1, 1 if NIGHTLY else 23):
        world = broken(tmp_path / str(at))
        old, plan = world.picture(), world.plan().plan
        try:
            apply(plan, layout=world.layout, files=Breaking(at, 28), now=noon)  # type: ignore[arg-type]
        except HermesProfilesError:
            assert world.picture() == old
        else:
            assert world.plan().plan is None
