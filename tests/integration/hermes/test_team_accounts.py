"""Many WeChat accounts on real Hermes, in a multiplexer and in processes: polls, answers and stored files.

Three accounts always; ten and thirty, and tests of Hermes alone, with HERMES_PROFILES_NIGHTLY=1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from accounts_root import (
    BOSS,
    AccountsRoot,
    account_id,
    eventually,
    friend,
    interrupted,
    model_messages,
    running_accounts,
    token,
)

pytestmark = pytest.mark.judge

MODES = ("multiplex", pytest.param("processes", marks=pytest.mark.nightly))
NEWCOMER = "newcomer"
MANY = (3, pytest.param(10, marks=pytest.mark.nightly), pytest.param(30, marks=pytest.mark.nightly))


def names(count: int) -> tuple[str, ...]:
    return tuple(f"m{number:02}" for number in range(1, count + 1))


@pytest.fixture
def world() -> Iterator[AccountsRoot]:
    with running_accounts("accounts") as made:
        made.lead()
        yield made


@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("mode", MODES)
def test_every_account_is_polled_by_one_loop_and_answers_for_itself(world: AccountsRoot, mode: str, count: int) -> None:
    members = names(count)
    world.by_hand(members)
    world.serve(mode)

    for member in members:
        world.ilink.send(token(member), friend(member), f"say-hello-{member}")
    for member in members:
        (answer,) = world.answered(member, friend(member))
        assert answer == f"heard say-hello-{member} · persona the-lead · skills first · turns 1"
    # A user of another member gets no answer; a user of all members has a conversation with each.
    others = dict(zip(members, (*members[1:], members[0]), strict=True))
    for member in members:
        world.ilink.send(token(member), friend(others[member]), f"say-stranger-{member}")
        world.ilink.send(token(member), BOSS, f"say-boss-{member}")
    for member in members:
        (answer,) = world.answered(member, BOSS)
        assert answer == f"heard say-boss-{member} · persona the-lead · skills first · turns 1"
    world.idle()
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-again-{member}")
    for member in members:
        answer = world.answered(member, friend(member), 2)[1]
        assert answer.startswith(f"heard say-again-{member} ") and answer.endswith(" turns 2")

    assert model_messages(world) == sorted(
        (token(member), person, f"say-{word}-{member}")
        for member in members
        for person, word in ((friend(member), "hello"), (friend(member), "again"), (BOSS, "boss"))
    )
    for member in members:
        sent = world.ilink.sent[token(member)]
        assert {each.to for each in sent} == {friend(member), BOSS}
        assert {each.context for each in sent} == {
            f"context-of-{to}-at-{token(member)}" for to in (friend(member), BOSS)
        }
    assert dict(world.ilink.most_at_once) == {token(member): 1 for member in members}
    assert world.ilink.unknown == []
    _nobody_heard_another(world, members)
    world.idle()
    world.stop()
    _accounts_are_at_home(world, members)


def _nobody_heard_another(world: AccountsRoot, members: tuple[str, ...]) -> None:
    """Check that no request to the model has text from two accounts."""
    for request in world.ilink.asked:
        words = set(re.findall(r"say-[a-z]+-(m\d\d)", str(request)))
        assert len(words) == 1, words


def _accounts_are_at_home(world: AccountsRoot, members: tuple[str, ...]) -> None:
    for member in members:
        places = world.holders(token(member)) | world.holders(account_id(member))
        assert places and all(place.startswith(f"profiles/{member}/") for place in places), places


@pytest.mark.nightly
def test_processes_keep_a_conversation_in_the_home_of_its_member_alone(world: AccountsRoot) -> None:
    members = names(3)
    world.by_hand(members)
    world.serve("processes")
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-hello-{member}")
    for member in members:
        world.answered(member, friend(member))
    world.stop()
    for member in members:
        places = world.holders(f"say-hello-{member}")
        assert any(f"profiles/{member}/state.db" in place for place in places), places
        assert all(place.startswith(f"profiles/{member}/") for place in places), places


@pytest.mark.nightly
def test_multiplexer_keeps_all_conversations_in_the_home_of_the_lead(world: AccountsRoot) -> None:
    """In 0.19.0 there is one state.db, and agents log to the lead and the first member that answers."""
    members = names(3)
    world.by_hand(members)
    world.serve("multiplex")
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-hello-{member}")
    for member in members:
        world.answered(member, friend(member))
    world.stop()
    for member in members:
        places = world.holders(f"say-hello-{member}")
        assert any(place.startswith("state.db") for place in places), places
        assert all(re.match(r"state\.db|sessions/|logs/|profiles/\w+/logs/", place) for place in places), places
        assert not (world.home(member) / "state.db").exists()


@pytest.mark.nightly
@pytest.mark.parametrize("mode", MODES)
def test_skill_added_to_the_lead_is_visible_to_every_member(world: AccountsRoot, mode: str) -> None:
    """A running gateway keeps the index in its prompt; it is updated at the next start, as in any Hermes."""
    members = names(3)
    world.by_hand(members)
    world.serve(mode)
    list_skills = "use-tool skills_list {}"
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-before-{member} {list_skills}")
    for member in members:
        (answer,) = world.answered(member, friend(member))
        assert answer.endswith(" · tool first")
    world.idle()
    world.skill("second")
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-after-{member} {list_skills}")
    for member in members:
        answer = world.answered(member, friend(member), 2)[1]
        assert answer.startswith(f"heard say-after-{member} ") and answer.endswith(" · tool first,second")
    world.stop()
    world.ilink.reset()
    world.serve(mode)
    for member in members:
        world.ilink.send(token(member), BOSS, f"say-started-{member}")
    for member in members:
        (answer,) = world.answered(member, BOSS)
        assert answer == f"heard say-started-{member} · persona the-lead · skills first,second · turns 1"


def codes(world: AccountsRoot, member: str) -> list[str]:
    """Return the pairing codes sent to a newcomer by a member's account."""
    texts = [each.text for each in list(world.ilink.sent[token(member)]) if each.to == NEWCOMER]
    return [found[0] for text in texts if (found := re.findall(r"`([A-HJ-NP-Z2-9]{8})`", text))]


def asks_to_pair(world: AccountsRoot, member: str) -> str:
    """Send a message to a member as the newcomer, and return the pairing code of the answer."""
    world.ilink.send(token(member), NEWCOMER, f"say-knock-{member}")
    eventually(lambda: codes(world, member), lambda: f"no code: {dict(world.ilink.sent)}\n{world.logs()}")
    return codes(world, member)[0]


@pytest.mark.nightly
def test_approval_at_one_process_does_not_apply_to_another(world: AccountsRoot) -> None:
    first, second, third = members = names(3)
    world.by_hand(members, dm_policy="pairing")
    world.serve("processes")
    world.hermes("-p", first, "pairing", "approve", "weixin", asks_to_pair(world, first))
    world.ilink.send(token(first), NEWCOMER, "say-again-first")
    assert world.answered(first, NEWCOMER)[0].startswith("heard say-again-first ")
    assert asks_to_pair(world, second)
    assert not world.ilink.answers(token(second), NEWCOMER) and not world.ilink.sent[token(third)]
    world.stop()
    assert world.holders(NEWCOMER, "**/*approved*") == {f"profiles/{first}/platforms/pairing/weixin-approved.json"}


@pytest.mark.nightly
def test_multiplexer_reads_each_members_approvals_and_adds_none(world: AccountsRoot) -> None:
    """In 0.19.0 its codes are the lead's: an approval admits no one to the member.

    An approval in the member's own store applies to this member alone."""
    first, second, _ = members = names(3)
    world.by_hand(members, dm_policy="pairing")
    world.serve("multiplex")
    code = asks_to_pair(world, first)
    assert "not found" in world.hermes("-p", first, "pairing", "approve", "weixin", code)
    assert "Approved" in world.hermes("-p", "default", "pairing", "approve", "weixin", code)
    assert world.holders(NEWCOMER, "**/*approved*") == {"platforms/pairing/weixin-approved.json"}
    approvals = world.home(second) / "pairing" / "weixin-approved.json"
    world.private(approvals, json.dumps({NEWCOMER: {"user_name": "", "approved_at": 1.0}}))
    for member in members:
        world.ilink.send(token(member), NEWCOMER, f"say-again-{member}")
    assert world.answered(second, NEWCOMER)[0].startswith(f"heard say-again-{second} ")
    world.ilink.send(token(second), NEWCOMER, "say-last")
    world.answered(second, NEWCOMER, 2)
    assert {account for account, _, _ in model_messages(world)} == {token(second)}


@pytest.mark.nightly
def test_processes_answer_busy_messages(world: AccountsRoot) -> None:
    members = names(3)
    world.by_hand(members)
    world.serve("processes")
    words = interrupted(world, members, "second")  # it can interrupt the current turn
    assert {account: texts[-1] for account, texts in words.items()} == {
        token(one): f"say-second-{one}" for one in members
    }


@pytest.mark.nightly
@pytest.mark.parametrize("is_known_to_lead", [False, True])
def test_multiplexer_checks_busy_messages_against_the_leads_list(world: AccountsRoot, is_known_to_lead: bool) -> None:
    """In 0.19.0 a busy message is checked against the lead's allow-list, not the member's."""
    members = names(3)
    world.by_hand(members)
    if is_known_to_lead:
        with (world.root / ".env").open("a") as env:
            env.write(f"WEIXIN_ALLOWED_USERS={','.join(friend(member) for member in members)}\n")
    world.serve("multiplex")
    words = ("first", "second") if is_known_to_lead else ("first",)
    answered = interrupted(world, members, words[-1])
    assert answered == {token(one): [f"say-{word}-{one}" for word in words] for one in members}
    # The lead's list does not open another member to them.
    world.ilink.send(token(members[0]), friend(members[1]), "say-stranger")
    world.ilink.send(token(members[0]), BOSS, "say-boss")
    if not is_known_to_lead:
        world.answered(members[0], BOSS)
    world.idle()
    assert friend(members[1]) not in {each.to for each in world.ilink.sent[token(members[0])]}


@pytest.mark.nightly
def test_multiplexer_answers_busy_messages_as_the_lead_with_an_account(world: AccountsRoot) -> None:
    """In 0.19.0 a busy message to a member is then lost, and the lead's account sends a notice."""
    members = names(3)
    world.by_hand(members)
    world.lead_has_an_account()
    world.serve("multiplex")
    answered = interrupted(world, members, "first")
    assert answered.pop(token("default")) == []
    assert answered == {token(one): [f"say-first-{one}"] for one in members}
    notices = world.ilink.sent[token("default")]
    assert {each.to for each in notices} == {friend(one) for one in members}
    assert all("Interrupting current task" in each.text for each in notices)
