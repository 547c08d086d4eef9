"""What holds for members of any lead, and for a team however its making ends."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from clone_source import assert_private, assert_shared_alike, dotenv_view, leaks, leaks_in, line_view, make_layout
from clone_strategies import Home, homes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY
from sample_root import Breaking, Killing, picture, run_killed
from team_making import CATALOG, LEAD, make_lead, make_team, team, weixin, world

from hermes_profiles.changes.apply import apply, recover
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.teams.accounts import Account
from hermes_profiles.teams.create import NewMember, build_members
from hermes_profiles.teams.model import read_teams
from hermes_profiles.teams.shares import Share

ACCOUNTS = {
    "weixin": {"WEIXIN_TOKEN": "CANARY-member-1", "WEIXIN_ACCOUNT_ID": "f00d@im.bot"},
    "telegram": {"TELEGRAM_BOT_TOKEN": "7999999999:CANARY-member-2"},
    "slack": {"SLACK_BOT_TOKEN": "xoxb-CANARY-member-3", "SLACK_APP_TOKEN": "xapp-CANARY-member-4"},
    "signal": {"SIGNAL_HTTP_URL": "http://127.0.0.1:9", "SIGNAL_ACCOUNT": "+4915199999"},
}


@pytest.fixture(scope="module")
def workshop() -> Iterator[Path]:
    """Yield a folder for homes, in memory where that is possible."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_no_member_gets_an_identity_of_an_arbitrary_lead(workshop: Path) -> None:
    numbers, made = count(), [0, 0]

    @settings(max_examples=600 if NIGHTLY else 25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(homes(), st.sampled_from(sorted(ACCOUNTS)), st.sets(st.sampled_from(list(Share))), st.booleans())
    def check(home: Home, channel: str, shares: set[Share], is_default: bool) -> None:
        folder = workshop / str(next(numbers))
        folder.mkdir()
        try:
            lead = "default" if is_default else "boss"
            layout = make_layout(folder, home.files, profile=lead)
            check_team(layout, home, lead, channel, tuple(sorted(shares)))
            made[0] += 1
        except DocumentError as error:
            made[1] += 1
            assert leaks_in(str(error.problem).encode(), home.gone) == []
            assert not (layout.home("ann")).exists() and not (layout.home("bob")).exists()
        finally:
            shutil.rmtree(folder)

    check()
    assert made[1] <= made[0] * 0.3, made


def check_team(layout: Layout, home: Home, lead: str, channel: str, shares: tuple[Share, ...]) -> None:
    variables = {name: Secret(value) for name, value in ACCOUNTS[channel].items()}
    account = Account(channel, "f00d@im.bot" if channel == "weixin" else "", variables)
    make_team(layout, NewMember("ann", account), NewMember("bob"), of=team(lead=lead, channel=channel, share=shares))
    for name in ("ann", "bob"):
        member = layout.home(name)
        assert leaks(member, home.gone) == [], name
        assert_private(member)
        raw = (member / ".env").read_bytes()
        if Share.KEYS in shares and ".env" in home.files:
            assert_shared_alike(home.files[".env"], raw, set(home.shared))  # type: ignore[arg-type]
        own = ACCOUNTS[channel] if name == "ann" else {}
        for view in (dotenv_view(raw), line_view(raw)):
            assert {key: view.get(key) for key in own} == own
        assert claimed_resources(member, catalog=CATALOG).channels == ((channel,) if own else ())
    assert read_teams(layout).by_name["family"].members == ("ann", "bob")


def plan_of(layout: Layout) -> ChangePlan:
    new = [NewMember("ann", weixin(1)), NewMember("bob", weixin(2)), NewMember("carl")]
    return build_members(team(), new, world(layout), define=True, command=("team", "create"))[0]


@pytest.mark.parametrize("how", ["kill", "disk", "interrupt"])
def test_an_interrupted_creation_leaves_the_whole_team_or_nothing(tmp_path: Path, how: str) -> None:
    ends = {"old": 0, "new": 0}
    for at in count(1, 1 if NIGHTLY else 11):
        folder = tmp_path / str(at)
        layout = make_lead(folder, LEAD)
        before = picture(layout.root, without=layout.state)
        if how == "kill":
            ended = run_killed(partial(apply, plan_of(layout), layout=layout, files=Killing(at))) == 0
        else:
            files = Breaking(at, errno.ENOSPC if how == "disk" else KeyboardInterrupt)
            with contextlib.suppress(Exception, KeyboardInterrupt):
                apply(plan_of(layout), layout=layout, files=files)
            ended = files.left > 0
        recover(layout)
        after = picture(layout.root, without=layout.state)
        members = [path for path in os.listdir(layout.profiles) if not path.startswith(".")]
        teams = read_teams(layout).by_name
        if after == before:
            ends["old"] += 1
        else:
            assert sorted(members) == ["ann", "bob", "carl"] and teams["family"].members == ("ann", "bob", "carl")
            assert len(list(layout.home("bob").iterdir())) == len(list(layout.home("ann").iterdir()))
            ends["new"] += 1
        shutil.rmtree(folder)
        if ended:
            break
    assert ends["old"] > (20 if NIGHTLY else 3) and ends["new"] >= 1, ends
