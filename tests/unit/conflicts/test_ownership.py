"""Who keeps what several profiles hold: the order of right, its words, its doubts; and what counts as shared at all."""

# ruff: noqa: E501  (a file of a case is one string)

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.conflicts.ownership import (
    Confidence,
    Decision,
    SharedIdentity,
    SharedKind,
    UsageEvidence,
    decide_owners,
)
from hermes_profiles.conflicts.repair_plan import Asked, Repair, Scene, plan_repair
from hermes_profiles.conflicts.shared_identities import digest
from hermes_profiles.conflicts.usage_evidence import evidence_of
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Gateway, GatewayChannel, GatewayState, LiveLock
from hermes_profiles.gateways.processes import Process
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.layout import Layout

CATALOG = load_catalog()
TOKEN, OTHER = "7100:CANARY-telegram-token", "7200:CANARY-another-token"
DAY = 86400.0
OLD = 1_790_000_000.0


def rivalry(
    *holders: str, kind: SharedKind = SharedKind.IDENTITY, pairs: set[frozenset[str]] | None = None
) -> SharedIdentity:
    def conflicts_with(one: str, other: str) -> tuple[str, ...]:
        return ("k",) if pairs is None or frozenset((one, other)) in pairs else ()

    return SharedIdentity(kind, "telegram", "token", holders, conflicts_with)


def decide(evidence: Mapping[str, UsageEvidence], named: tuple[str, ...] = (), **more: Any) -> Decision:
    (decision,) = decide_owners(rivalry(*evidence, **more), evidence, named)
    return decision


# One weaker than the one before it, each with how sure it makes us.
STRENGTHS = [
    (UsageEvidence(locked=True, running=True, connected=True, created_at=9.0), Confidence.CERTAIN, "lock"),
    (UsageEvidence(running=True, connected=True, created_at=9.0), Confidence.LIKELY, "connected"),
    (UsageEvidence(first=True, created_at=9.0), Confidence.GUESS, "default"),
    (UsageEvidence(running=True, created_at=9.0), Confidence.LIKELY, "its gateway runs"),
    (UsageEvidence(used_at=OLD + DAY, uses=("pairing",), created_at=9.0), Confidence.LIKELY, "(pairing)"),
    (UsageEvidence(used_at=OLD, uses=("sessions",), created_at=9.0), Confidence.LIKELY, "(sessions)"),
    (UsageEvidence(created_at=1.0), Confidence.GUESS, "oldest"),
    (UsageEvidence(created_at=2.0), None, ""),
    (UsageEvidence(on=False, used_at=OLD + 9 * DAY, first=True, running=True), None, ""),
]


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("turned", [False, True])
def test_stronger_evidence_wins_in_any_order(place: int, turned: bool):
    for weaker in STRENGTHS[place + 1 :]:
        pair = {"b": STRENGTHS[place][0], "c": weaker[0]} if not turned else {"c": weaker[0], "b": STRENGTHS[place][0]}
        decision = decide(pair)
        assert (decision.owner, decision.losers) == ("b", ("c",))
    decision = decide({"c": STRENGTHS[place + 1][0], "b": STRENGTHS[place][0]})
    assert decision.confidence is STRENGTHS[place][1] and STRENGTHS[place][2] in decision.reason


def test_enabled_channel_beats_a_copy():
    decision = decide({"a": STRENGTHS[-1][0], "b": UsageEvidence(created_at=99.0)}, kind=SharedKind.COPY)
    assert decision.owner == "b" and "off in the others" in decision.reason and "a also used it" in decision.caveats[0]


def test_default_keeps_what_it_has_unless_the_evidence_is_certain():
    default, runs = UsageEvidence(first=True), UsageEvidence(running=True, used_at=OLD, uses=("sessions",))
    decision = decide({"default": default, "b": runs})
    assert decision.owner == "default" and decision.confidence is Confidence.GUESS
    assert decision.caveats[0] == "the gateway of b runs with it" and "(sessions)" in decision.caveats[1]
    assert "no evidence of use was found" not in decision.caveats
    assert decide({"default": default, "b": runs._replace(locked=True)}).owner == "b"
    assert decide({"default": default, "b": runs._replace(connected=True)}).owner == "b"
    assert decide({"default": default._replace(on=False), "b": runs}).owner == "b"
    assert decide({"default": default, "b": runs}, ("b",)).owner == "b"


def test_default_keeps_its_port_although_another_listens_on_it():
    default, other = UsageEvidence(first=True), UsageEvidence(running=True, connected=True)
    decision = decide({"default": default, "b": other}, kind=SharedKind.PORT)
    assert decision.owner == "default" and "clients" in decision.reason
    assert decide({"default": default, "b": other}, ("b",), kind=SharedKind.PORT).owner == "b"
    assert decide({"default": default._replace(on=False), "b": other}, kind=SharedKind.PORT).owner == "b"


def test_owner_option_wins_and_caveats_are_reported():
    decision = decide({"a": STRENGTHS[0][0], "b": UsageEvidence()}, ("b",))
    assert (decision.owner, decision.reason, decision.confidence) == ("b", "--owner names it", Confidence.CERTAIN)
    assert decision.caveats == ("a holds Hermes' lock now",)
    decision = decide({"a": UsageEvidence(running=True), "b": UsageEvidence()}, ("b",))
    assert decision.caveats == ("the gateway of a runs with it",)


def test_second_running_gateway_is_a_caveat():
    decision = decide({"a": UsageEvidence(running=True), "b": UsageEvidence(running=True, connected=True)})
    assert decision.owner == "b" and decision.caveats == ("the gateway of a also runs with it",)
    both = UsageEvidence(running=True, connected=True)
    decision = decide({"a": both, "b": both})
    assert (
        decision.owner == "a"
        and decision.confidence is Confidence.GUESS
        and "no evidence of use was found" in decision.caveats
    )


def test_equal_evidence_is_decided_by_the_next_kind():
    runs = UsageEvidence(running=True, connected=True)
    decision = decide(
        {"a": runs, "b": runs._replace(used_at=OLD, uses=("pairing",)), "c": UsageEvidence(used_at=OLD + DAY)}
    )
    assert decision.owner == "b" and "(pairing)" in decision.reason and decision.confidence is Confidence.LIKELY


def test_copied_times_decide_nothing():
    same = UsageEvidence(used_at=OLD, uses=("pairing",))
    decision = decide({"a": same._replace(created_at=2.0), "b": same._replace(created_at=1.0, used_at=OLD + 0.5)})
    assert decision.owner == "b" and "oldest" in decision.reason and decision.confidence is Confidence.GUESS


def test_root_owns_a_login():
    root, later = UsageEvidence(first=True, used_at=OLD), UsageEvidence(used_at=OLD + DAY, running=True, connected=True)
    assert decide({"default": root, "b": later}, kind=SharedKind.LOGIN).owner == "default"
    decision = decide({"b": UsageEvidence(used_at=OLD), "c": later}, kind=SharedKind.LOGIN)
    assert decision.owner == "c" and "refreshed it last" in decision.reason


def test_chain_of_conflicts_keeps_the_ends_or_the_middle():
    pairs = {frozenset("ab"), frozenset("bc")}
    middle = {"a": UsageEvidence(), "b": UsageEvidence(running=True), "c": UsageEvidence()}
    assert [(d.owner, d.losers) for d in decide_owners(rivalry(*middle, pairs=pairs), middle)] == [("b", ("a", "c"))]
    ends = {"a": UsageEvidence(running=True), "b": UsageEvidence(), "c": UsageEvidence()}
    assert [(d.owner, d.losers) for d in decide_owners(rivalry(*ends, pairs=pairs), ends)] == [("a", ("b",))]


EVIDENCE = st.builds(
    UsageEvidence, locked=st.booleans(), connected=st.booleans(), running=st.booleans(), on=st.booleans(),
    used_at=st.sampled_from([0.0, OLD, OLD + DAY]), uses=st.just(("pairing",)), created_at=st.sampled_from([1.0, 2.0]),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from("abcdef"), EVIDENCE, min_size=2), st.data())
def test_decisions_leave_no_conflict(evidence: dict[str, UsageEvidence], data: st.DataObject):
    every = [frozenset((one, other)) for one in evidence for other in evidence if one < other]
    pairs = data.draw(st.sets(st.sampled_from(every)))
    decisions = decide_owners(rivalry(*evidence, pairs=pairs), evidence)
    losers = [name for each in decisions for name in each.losers]
    assert len(losers) == len(set(losers)) and not {each.owner for each in decisions} & set(losers)
    left = [name for name in evidence if name not in losers]
    assert not any(frozenset((one, other)) in pairs for one in left for other in left)
    for each in decisions:
        assert all(frozenset((each.owner, name)) in pairs for name in each.losers), "it loses to one it is not rival of"
    assert decisions == decide_owners(rivalry(*evidence, pairs=pairs), evidence)


# What is shared, read from files


def write(layout: Layout, profile: str, files: Mapping[str, Any]) -> None:
    for name, content in files.items():
        path = layout.home(profile) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def scene(tmp_path: Path, gateways: Mapping[str, Gateway] | None = None, **profiles: Mapping[str, Any]) -> Scene:
    layout = Layout(tmp_path / ".hermes", tmp_path)
    layout.root.mkdir()
    for name, files in profiles.items():
        layout.home(name).mkdir(parents=True, exist_ok=True)
        write(layout, name, files)
    return Scene(layout, CATALOG, tuple(profiles), gateways or {}, ())


def repair(scene: Scene, owners: Mapping[str, tuple[str, ...]] | None = None, channels: set[str] | None = None,
    only: set[str] | None = None) -> Repair:  # fmt: skip
    wanted = frozenset(channels) if channels is not None else None
    return plan_repair(scene, Asked(owners or {}, wanted, frozenset(only or scene.profiles)))


def shared(found: Repair) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {(str(one.kind), one.channel, one.owner, one.losers) for one in found.decisions}


ON = {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"}


def test_identity_of_three_profiles(tmp_path: Path):
    found = repair(scene(tmp_path, default=ON, work=ON, family={".env": f"TELEGRAM_BOT_TOKEN={OTHER}\n"}, z=ON))
    assert shared(found) == {("identity", "telegram", "default", ("work", "z"))}
    assert {name: set(wish.channels) for name, wish in found.wishes.items()} == {
        "work": {"telegram"},
        "z": {"telegram"},
    }
    assert "CANARY" not in repr(found) and found.decisions[0].parties == (digest(TOKEN),)


OFF = "platforms:\n  telegram:\n    enabled: false\n"


@pytest.mark.parametrize(("first", "second", "expected"), [
    ({**ON, "config.yaml": OFF}, ON, {("copy", "telegram", "work", ("default",))}),
    ({**ON, "config.yaml": OFF}, {**ON, "config.yaml": OFF}, {("copy", "telegram", "default", ("work",))}),
    (ON, {"config.yaml": f"{OFF}    token: {TOKEN}\n"}, {("copy", "telegram", "default", ("work",))}),
    (ON, {".env": "TELEGRAM_BOT_TOKEN=\n"}, set()),
    (ON, {".env": f"# TELEGRAM_BOT_TOKEN={TOKEN}\n"}, set()),
    ({".env": "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\n"}, {".env": "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\n"}, set()),
    # one password, two accounts
    ({".env": "IRC_SERVER=irc.x\nIRC_CHANNEL=#a\nIRC_NICKNAME=nick-one\nIRC_NICKSERV_PASSWORD=CANARY-password\n"},
     {".env": "IRC_NICKNAME=nick-two\nIRC_NICKSERV_PASSWORD=CANARY-password\n"}, set()),
    # a stored login of a channel that is off
    ({"weixin/accounts/a.json": {"token": "CANARY-weixin-5t0r3d"}}, {"weixin/accounts/a.json": {"token": "CANARY-weixin-5t0r3d"}},
     {("copy", "weixin", "default", ("work",))}),
    ({"weixin/accounts/a.json": {"token": "CANARY-weixin-5t0r3d"}}, {"weixin/accounts/a.json": {"token": "CANARY-weixin-0th3r7"}}, set()),
    # one secret, two apps
    ({".env": "TEAMS_TENANT_ID=t1\nTEAMS_CLIENT_ID=app-CANARY-0001\nTEAMS_CLIENT_SECRET=CANARY-secret-1\n", "config.yaml": "platforms: {teams: {enabled: false}}\n"},
     {".env": "TEAMS_TENANT_ID=t1\nTEAMS_CLIENT_ID=app-CANARY-0002\nTEAMS_CLIENT_SECRET=CANARY-secret-1\n", "config.yaml": "platforms: {teams: {enabled: false}}\n"}, set()),
    ({".env": "WHATSAPP_CLOUD_ACCESS_TOKEN=CANARY-access-1\n"}, {".env": "WHATSAPP_CLOUD_ACCESS_TOKEN=CANARY-access-1\n"},
     {("copy", "whatsapp_cloud", "default", ("work",))}),
    # a key of tools is no copy
    ({".env": "TWILIO_AUTH_TOKEN=CANARY-twilio-token-1\n"}, {".env": "TWILIO_AUTH_TOKEN=CANARY-twilio-token-1\n"}, set()),
    ({".env": "MATRIX_USER_ID=@a:x\nMATRIX_PASSWORD=CANARY-password\n"}, {".env": "MATRIX_USER_ID=@a:x\nMATRIX_PASSWORD=CANARY-password\n"},
     {("identity", "matrix", "default", ("work",))}),
])  # fmt: skip
def test_copies_of_disabled_channels_are_found(tmp_path: Path, first: Any, second: Any, expected: Any):
    assert shared(repair(scene(tmp_path, default=first, work=second))) == expected


def test_slack_app_and_bot_token_stay_together(tmp_path: Path):
    def slack(app: str, bot: str) -> dict[str, str]:
        return {".env": f"SLACK_APP_TOKEN=xapp-CANARY-{app}\nSLACK_BOT_TOKEN=xoxb-CANARY-{bot}\n"}

    found = repair(
        scene(tmp_path, a=slack("aaaaaa", "aaaaaa"), b=slack("aaaaaa", "bbbbbb"), c=slack("cccccc", "bbbbbb"))
    )
    assert shared(found) == {("identity", "slack", "a", ("b",))}, "c holds nothing that a holds"
    (tmp_path / "two").mkdir()
    found = repair(scene(tmp_path / "two", a=slack("aaaaaa", "cccccc"), b=slack("bbbbbb", "cccccc")))
    assert shared(found) == {("identity", "slack", "a", ("b",))}, "one bot, two apps"


LOGIN = {"auth.json": {"providers": {"nous": {"refresh_token": "CANARY-refresh-1234"}}, "credential_pool": {"openai-codex": [{"refresh_token": "CANARY-codex-99999"}]}}}  # fmt: skip


def test_single_use_logins_are_found(tmp_path: Path):
    place = scene(
        tmp_path, a=LOGIN, b=LOGIN, c={"auth.json": {"providers": {"nous": {"refresh_token": "CANARY-refresh-5678"}}}},
        d={"auth.json": {"providers": {"openrouter": {"api_key": "CANARY-static-key"}}}, "mcp-tokens/x.json": {"refresh_token": "CANARY-mcp-token-1"}},
        e={"auth.json": {"providers": {"openrouter": {"api_key": "CANARY-static-key"}}}, "mcp-tokens/x.json": {"refresh_token": "CANARY-mcp-token-1"}},
        f={"auth.json": "{broken"},
    )  # fmt: skip
    os.utime(place.layout.home("a") / "auth.json", (OLD, OLD))
    os.utime(place.layout.home("b") / "auth.json", (OLD + DAY, OLD + DAY))
    found = repair(place)
    assert shared(found) >= {("login", "nous", "b", ("a",)), ("login", "openai-codex", "b", ("a",))}
    assert {one.channel for one in found.decisions} == {"nous", "openai-codex", "mcp-tokens/x.json"}
    assert found.wishes["a"].logins == {"nous", "openai-codex"} and set(found.wishes) == {"a"} | set(found.wishes) & {
        "d",
        "e",
    }


def test_shared_access_token_is_not_a_shared_login(tmp_path: Path):
    def nous(refresh: str) -> dict[str, Any]:
        row = {"refresh_token": refresh, "access_token": "CANARY-same-access-1", "client_id": "CANARY-same-client-1"}
        return {"auth.json": {"providers": {"nous": row}}}

    assert repair(scene(tmp_path, a=nous("CANARY-refresh-1111"), b=nous("CANARY-refresh-2222"))).decisions == ()


API = {".env": "API_SERVER_KEY=CANARY-0123456789abcdef\n"}


def test_shared_ports_and_keys_are_reassigned(tmp_path: Path):
    found = repair(scene(
        tmp_path, default=API, b={".env": "API_SERVER_KEY=CANARY-another-key-1234\n"}, c=API,
        d={".env": "WEBHOOK_ENABLED=true\nWEBHOOK_PORT=8642\n"}, e={".env": "WEBHOOK_ENABLED=true\n"},
    ))  # fmt: skip
    assert shared(found) == {("port", "api_server, webhook", "default", ("b", "c", "d"))}
    wishes = {name: (set(wish.reassign), wish.new_key) for name, wish in found.wishes.items()}
    assert wishes == {"b": ({"api_server"}, False), "c": ({"api_server"}, True), "d": ({"webhook"}, False)}


def test_removed_channel_frees_its_port(tmp_path: Path):
    line = {".env": "LINE_CHANNEL_ACCESS_TOKEN=CANARY-line-token-1\nLINE_CHANNEL_SECRET=CANARY-line-secret\n"}
    found = repair(scene(tmp_path, a=line, b=line))
    assert shared(found) == {("identity", "line", "a", ("b",))}
    found = repair(Scene(Layout(tmp_path / ".hermes", tmp_path), CATALOG, ("a", "b"), {}, ()), only={"a"})
    assert found.wishes == {} and ("port", "line", "a", ("b",)) in shared(found)


def test_repair_respects_channels_profiles_and_owners(tmp_path: Path):
    both = {".env": ON[".env"] + API[".env"]} | LOGIN
    place = scene(tmp_path, a=both, b=both, c=both)
    assert {one.channel for one in repair(place, channels={"telegram"}).decisions} == {"telegram"}
    assert {one.channel for one in repair(place, channels={"api_server", "nous"}).decisions} == {"api_server", "nous"}
    assert set(repair(place, only={"b"}).wishes) == {"b"}
    assert {one.owner for one in repair(place, {"telegram": ("c",), "nous": ("b",)}).decisions} >= {"b", "c"}
    with pytest.raises(UsageProblem, match="z shares nothing of telegram"):
        repair(place, {"telegram": ("z",)})
    assert repair(place, {"discord": ("z",)}).decisions, "what is not shared needs no owner"


def test_linked_home_is_not_a_second_holder(tmp_path: Path):
    place = scene(tmp_path, default={}, work=ON)
    (place.layout.profiles / "alias").symlink_to("work")
    (place.layout.profiles / "self").symlink_to("..")
    found = repair(place._replace(profiles=("default", "alias", "self", "work")))
    assert found.decisions == () and found.wishes == {}


def test_unreadable_file_is_reported(tmp_path: Path):
    found = repair(scene(tmp_path, a=ON, b=ON, c={"config.yaml": "platforms: [\n", ".env": ON[".env"]}))
    assert shared(found) == {("identity", "telegram", "a", ("b", "c"))} and any(
        "config.yaml" in one.message for one in found.unread
    )


# Evidence, read from files and gateways


def running(
    pid: int = 77, channel: str = "connected", *, masked: bool = False, state: GatewayState = GatewayState.RUNNING
) -> Gateway:
    process = Process(pid, 1.0, "S", 1, ("hermes", "gateway", "run"), {})
    masks = (Mask("telegram"),) if masked else ()
    return Gateway("work", state, pid, channels=(GatewayChannel("telegram", channel),), masks=masks, process=process)


@pytest.mark.parametrize(("gateway", "locks", "expected"), [
    (None, [], (False, False, False)),
    (running(), [], (False, True, True)),
    (running(channel="retrying"), [], (False, False, True)),
    (running(masked=True), [(77, TOKEN)], (False, False, False)),
    (running(), [(77, TOKEN)], (True, True, True)),
    (running(), [(78, TOKEN)], (False, True, True)),
    (running(), [(77, OTHER)], (False, True, True)),
    (running(state=GatewayState.STOPPED), [], (False, False, False)),
])  # fmt: skip
def test_evidence_of_a_gateway(tmp_path: Path, gateway: Gateway | None, locks: Any, expected: Any):
    found = evidence(tmp_path, ON, gateway, [LiveLock("telegram", digest(text)[:16], pid) for pid, text in locks])
    assert (found.locked, found.connected, found.running) == expected


def evidence(
    tmp_path: Path, files: Any, gateway: Gateway | None = None, locks: Any = (), profile: str = "work"
) -> UsageEvidence:
    from hermes_profiles.profiles.channels import claimed_resources

    place = scene(tmp_path, **{profile: files})
    held = claimed_resources(place.layout.home(profile), catalog=CATALOG)
    return evidence_of(place.layout, profile, "telegram", held=held, gateway=gateway, locks=locks, catalog=CATALOG)


@pytest.mark.parametrize(("files", "what", "at"), [
    ({"pairing/telegram-approved.json": {"1": {"approved_at": OLD}, "2": {"approved_at": OLD - 9}}}, "pairing", OLD),
    ({"platforms/pairing/telegram-approved.json": {"1": {"approved_at": OLD}}}, "pairing", OLD),
    ({"sessions/sessions.json": {"k": {"platform": "telegram", "updated_at": "2026-09-21T13:33:20"}, "l": {"platform": "slack", "updated_at": "2026-11-01T00:00:00"}}}, "sessions", None),
    ({"channel_directory.json": {"updated_at": "2026-09-21T13:33:20", "platforms": {"telegram": [{"id": "1"}]}}}, "directory of chats", None),
    ({"gateway_state.json": {"pid": 1, "platforms": {"telegram": {"state": "connected", "updated_at": "2026-09-21T13:33:20+00:00"}}}}, "connected", None),
])  # fmt: skip
def test_evidence_of_use(tmp_path: Path, files: Any, what: str, at: float | None):
    found = evidence(tmp_path, files)
    assert found.uses == (what,) and (found.used_at == at if at else abs(found.used_at - OLD) < DAY)


@pytest.mark.parametrize("files", [
    {"pairing/telegram-approved.json": {}},
    {"pairing/slack-approved.json": {"1": {"approved_at": OLD}}},
    {"pairing/telegram-approved.json": "[1, "},
    {"sessions/sessions.json": [1, 2]},
    {"sessions/sessions.json": {"k": {"platform": "slack"}}},
    {"channel_directory.json": {"platforms": {"telegram": []}}},
    {"gateway_state.json": {"pid": 1, "platforms": {"telegram": {"state": "fatal", "updated_at": "2026-09-21T13:33:20+00:00"}}}},
])  # fmt: skip
def test_files_without_evidence(tmp_path: Path, files: Any):
    assert evidence(tmp_path, files).uses == ()


@pytest.mark.parametrize("at", ["x", None, True, -5, 1e400, 10**400, [1], "9999-99-99"])
def test_invalid_times_are_zero(tmp_path: Path, at: Any):
    text = json.dumps({"1": {"approved_at": at}}).replace("Infinity", "1e999")
    assert evidence(tmp_path, {"pairing/telegram-approved.json": text}).used_at == 0.0


def test_state_files_are_evidence(tmp_path: Path):
    place = scene(tmp_path, work={"sticker_cache.json": "{}", **ON})
    os.utime(place.layout.home("work") / "sticker_cache.json", (OLD, OLD))
    from hermes_profiles.profiles.channels import claimed_resources

    held = claimed_resources(place.layout.home("work"), catalog=CATALOG)
    found = evidence_of(place.layout, "work", "telegram", held=held, gateway=None, locks=(), catalog=CATALOG)
    assert (
        (found.uses, found.used_at) == (("state files",), OLD) and found.on and not found.first and found.created_at > 0
    )


def test_mirrored_login_is_not_shared(tmp_path: Path) -> None:
    """A row that mirrors the root's login, and Nous' shared store: the doctor leaves them in peace, and so does this."""
    token = "CANARYrefresh-0123456789"
    mirrored = {"credential_pool": {"openai-codex": [{"source": "device_code", "refresh_token": token}]}}
    own = {"providers": {"openai-codex": {"tokens": {"refresh_token": token}}}}
    nous = {"providers": {"nous": {"refresh_token": "CANARYnous-0123456789"}}}
    root = tmp_path / ".hermes"
    layout = Layout(root, tmp_path)
    homes = {"default": root, "a": root / "profiles" / "a", "b": root / "profiles" / "b"}

    def logins(stores: dict[str, Any]) -> list[str]:
        for name, data in stores.items():
            homes[name].mkdir(parents=True, exist_ok=True)
            (homes[name] / "auth.json").write_text(json.dumps(data))
        found = repair(Scene(layout, CATALOG, tuple(stores), {}, ()), only=set(stores))
        return [each.channel for each in found.decisions]

    assert logins({"default": own, "a": mirrored}) == []
    assert logins({"default": own, "a": {**own, **mirrored}}) == ["openai-codex"], "a has a login of its own beside it"
    assert logins({"a": nous, "b": nous}) == ["nous"]
    (root / "shared").mkdir()
    (root / "shared" / "nous_auth.json").write_text('{"refresh_token": "CANARYshared-0123456789"}')
    assert logins({"a": nous, "b": nous}) == []
