"""Members as they are made: light, linked to the pool, with one account and no identity of the lead."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from clone_source import Link, assert_private, canary, clone, dotenv_view, leaks, line_view, picture
from team_making import CATALOG, LEAD, SECRETS, TELEGRAM, make_lead, make_team, team, weixin, world

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.journal import Journal
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError, NotFound, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.teams.accounts import Account
from hermes_profiles.teams.create import NewMember, build_members
from hermes_profiles.teams.model import read_teams
from hermes_profiles.teams.pool import read_pool
from hermes_profiles.teams.shares import Share, link_target


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_lead(tmp_path)


def config_of(layout: Layout, name: str) -> object:
    return YamlDocument.parse((layout.home(name) / "config.yaml").read_bytes()).data()


def env_of(layout: Layout, name: str) -> dict[str, str | None]:
    raw = (layout.home(name) / ".env").read_bytes()
    assert {key: value for key, value in dotenv_view(raw).items() if value} == {
        key: value for key, value in line_view(raw).items() if value
    }, "the readers of Hermes disagree"
    return dotenv_view(raw)


# --- what a member is


def test_a_member_has_the_pool_and_its_own_account_and_nothing_of_the_leads_identity(layout: Layout) -> None:
    (report,) = make_team(layout, NewMember("ann", weixin(1, allowed=("mum", "dad")), "for Ann"))
    home = layout.home("ann")
    assert leaks(home, SECRETS) == []
    assert {path: os.readlink(home / path) for path in ("skills", "SOUL.md", "plugins")} == {
        "skills": "../../skills", "SOUL.md": "../../SOUL.md", "plugins": "../../plugins",
    }  # fmt: skip
    assert (home / "skills/greet/SKILL.md").read_text() == "say hello\n"
    assert env_of(layout, "ann") == {
        "OPENAI_API_KEY": canary("openai"), "TZ": "Europe/Berlin", "WEIXIN_TOKEN": canary("weixin1"),
        "WEIXIN_ACCOUNT_ID": "b0f500000001@im.bot", "WEIXIN_ALLOWED_USERS": "mum,dad",
    }  # fmt: skip
    assert config_of(layout, "ann") == {
        "model": {"default": "gpt-5"}, "gateway": {},
        "platforms": {
            "telegram": {"enabled": False},
            "weixin": {"enabled": True, "extra": {
                "text_batch_delay_seconds": 2, "dm_policy": "allowlist", "group_policy": "disabled"}},
        },
    }  # fmt: skip
    text = (home / "config.yaml").read_text()
    assert text.startswith("# how we work\nmodel:\n  default: gpt-5 # the good one\n"), "comments and order stay"
    stored = json.loads((home / "weixin/accounts/b0f500000001@im.bot.json").read_text())
    assert stored == {"token": canary("weixin1"), "base_url": "", "user_id": "", "saved_at": ""}
    assert not (home / "auth.json").exists() and not any((home / "memories").iterdir())
    assert_private(home)
    assert report.account == "b0f500000001@im.bot" and report.carried == ("OPENAI_API_KEY", "TZ")
    assert report.links == ("skills", "SOUL.md", "plugins") and report.missing == ("hooks", "scripts", "skins")


def test_a_member_claims_only_its_own_account(layout: Layout) -> None:
    make_team(layout, NewMember("ann", weixin(1)), NewMember("bob"))
    assert claimed_resources(layout.home("ann"), catalog=CATALOG).channels == ("weixin",)
    assert claimed_resources(layout.home("bob"), catalog=CATALOG).channels == ()


def test_a_members_documents_are_those_of_a_clone(layout: Layout) -> None:
    make_team(layout, NewMember("bob"), of=team(channel="signal"))
    cloned = clone(layout, policy=ClonePolicy(api_server=False))
    for name in (".env", "config.yaml"):
        assert (layout.home("bob") / name).read_bytes() == cloned.bytes(name)


def test_members_have_nothing_of_each_other(layout: Layout) -> None:
    make_team(layout, *(NewMember(f"m{number}", weixin(number)) for number in range(4)))
    for number in range(4):
        others = [canary(f"weixin{each}") for each in range(4) if each != number]
        others += [f"b0f5{each:08x}@im.bot" for each in range(4) if each != number]
        assert leaks(layout.home(f"m{number}"), others) == []


def test_a_new_skill_of_the_lead_is_visible_to_members(layout: Layout) -> None:
    make_team(layout, NewMember("ann"), NewMember("bob"))
    (layout.root / "skills/new").mkdir()
    (layout.root / "skills/new/SKILL.md").write_text("learned\n")
    assert all((layout.home(name) / "skills/new/SKILL.md").read_text() == "learned\n" for name in ("ann", "bob"))


def test_the_lead_changes_only_by_its_team_record(tmp_path: Path) -> None:
    layout = make_lead(tmp_path, {**LEAD, "profile.yaml": "# mine\ndescription: the boss # really\n"})
    before = picture(layout.root)
    make_team(layout, NewMember("ann"))
    after = picture(layout.root)
    assert {path for path in after if after[path] != before.get(path)} == {"profile.yaml"}
    assert (layout.root / "profile.yaml").read_text().startswith("# mine\ndescription: the boss # really\n")
    found = read_teams(layout).by_name["family"]
    assert found == team()._replace(members=("ann",))


def test_missing_paths_of_the_lead_are_not_linked(tmp_path: Path) -> None:
    """A link to nothing would have Hermes write SOUL.md into the lead's home."""
    layout = make_lead(tmp_path, {".env": "A=1\n", "SOUL.md": Link("gone"), "skills": "a file\n"})
    (report,) = make_team(layout, NewMember("ann"))
    assert report.links == () and {"skills", "SOUL.md", "plugins"} <= set(report.missing)
    home = layout.home("ann")
    assert not os.path.lexists(home / "SOUL.md") and (home / "skills").is_dir() and not (home / "skills").is_symlink()


def test_parts_that_are_not_shared_are_the_members_own(layout: Layout) -> None:
    (report,) = make_team(layout, NewMember("ann", weixin(1)), of=team(share=(Share.MEMORY,)))
    home = layout.home("ann")
    assert report.links == ("memories",) and report.carried == ()
    assert canary("openai") not in (home / ".env").read_text()
    assert config_of(layout, "ann") == {"platforms": {"weixin": {"enabled": True, "extra": {
        "dm_policy": "pairing", "group_policy": "disabled"}}}}  # fmt: skip
    assert (home / "memories/MEMORY.md").read_text() == "mine alone\n"


def test_links_are_valid_wherever_the_profiles_are(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "root", tmp_path)
    real = tmp_path / "elsewhere/deep/profiles"
    (real / "boss/skills").mkdir(parents=True)
    (layout.root / "skills").mkdir(parents=True)
    layout.profiles.symlink_to(real)
    (real / "far").symlink_to(tmp_path / "mounted")
    (tmp_path / "mounted").mkdir()
    for lead in ("default", "boss"):
        for member in ("ann", "far"):
            home = layout.home(member)
            home.mkdir(exist_ok=True)
            link = home / f"skills-of-{lead}"
            link.symlink_to(link_target(layout, lead, member, "skills"))
            assert link.samefile(layout.home(lead) / "skills") and not os.readlink(link).startswith("/")
    assert link_target(layout, "boss", "ann", "skills") == "../boss/skills"


def test_links_are_short_in_a_root_that_is_a_link(tmp_path: Path) -> None:
    real = make_lead(tmp_path / "far/away")
    (tmp_path / "root").symlink_to(real.root)
    assert link_target(Layout(tmp_path / "root", tmp_path), "default", "ann", "skills") == "../../skills"


def test_a_root_can_be_moved(layout: Layout, tmp_path: Path) -> None:
    make_team(layout, NewMember("ann"))
    layout.root.rename(tmp_path / "moved")
    assert (tmp_path / "moved/profiles/ann/skills/greet/SKILL.md").exists()


def test_what_the_shell_sets_of_channels_is_kept_out_but_not_the_account(layout: Layout) -> None:
    environment = {"SLACK_BOT_TOKEN": "xoxb-CANARY", "WEIXIN_TOKEN": "CANARY-shell", "OPENAI_API_KEY": "CANARY-x"}
    make_team(layout, NewMember("ann", weixin(1)), environment=environment)
    env = env_of(layout, "ann")
    assert env["SLACK_BOT_TOKEN"] == "" and env["WEIXIN_TOKEN"] == canary("weixin1")
    make_team(layout, NewMember("bob"), of=team(name="bare", share=()), environment=environment)
    assert env_of(layout, "bob") == {"SLACK_BOT_TOKEN": "", "WEIXIN_TOKEN": ""}


def test_members_listen_on_no_port_of_the_lead(tmp_path: Path) -> None:
    """A multiplexer of 0.19.0 does not serve a profile that listens, so the API server stays with the lead."""
    files = {**LEAD, ".env": f"{LEAD['.env']}API_SERVER_ENABLED=true\nAPI_SERVER_KEY={canary('api')}\n"}
    layout = make_lead(tmp_path, files)
    make_team(layout, NewMember("ann", weixin(1)))
    assert leaks(layout.home("ann"), [canary("api")]) == []
    assert claimed_resources(layout.home("ann"), catalog=CATALOG).ports == ()


@pytest.mark.parametrize("channel", ["telegram", "discord", "slack", "feishu", "wecom", "qqbot", "signal"])
def test_any_channel_has_members(tmp_path: Path, channel: str) -> None:
    fact = CATALOG.channels[channel]
    layout = make_lead(tmp_path)
    names = {name for names in (*fact.enable_sets[:1], *fact.lock_identity[:1]) for name in names}
    values = {name: Secret(f"7{number}000:CANARY{number}-{name.lower()}") for number, name in enumerate(sorted(names))}
    make_team(
        layout, NewMember("ann", Account(channel, "x", values, ("u1",))), NewMember("bob"), of=team(channel=channel)
    )
    env = env_of(layout, "ann")
    assert {name: env[name] for name in names} == {name: value.reveal() for name, value in values.items()}
    assert env["QQ_ALLOWED_USERS" if channel == "qqbot" else f"{channel.upper()}_ALLOWED_USERS"] == "u1"
    assert claimed_resources(layout.home("ann"), catalog=CATALOG).channels == (channel,)
    assert claimed_resources(layout.home("bob"), catalog=CATALOG).channels == ()


TELEGRAM_MEMBER = Account("telegram", "7", {"TELEGRAM_BOT_TOKEN": Secret("7100000002:CANARYmember")})


@pytest.mark.parametrize("config", [
    "platforms:\n  {Name}:\n    enabled: false\n", "{name}:\n  enabled: false\n", "platforms:\n", "platforms: null\n",
    "gateway:\n  platforms:\n    {name}:\n      enabled: false\n", "platforms: {{{name}: {{enabled: false}}}}\n",
    "base: &b\n  enabled: false\nplatforms:\n  {name}:\n    <<: *b\n  slack: *b\n", '{{"platforms": {{}}}}\n', "",
    "platforms:\r\n  {name}:\r\n    enabled: false # off\r\n",
    "platforms:\n  {name}:\n    enabled: true\n{name}:\n  enabled: false\n",
])  # fmt: skip
@pytest.mark.parametrize("account", [weixin(1), TELEGRAM_MEMBER], ids=lambda each: each.channel)
def test_the_channel_is_enabled_however_the_lead_disables_it(tmp_path: Path, config: str, account: Account) -> None:
    text = config.format(name=account.channel, Name=account.channel.title())
    layout = make_lead(tmp_path, {"config.yaml": text, ".env": "A=1\n"})
    make_team(layout, NewMember("ann", account), NewMember("bob"), of=team(channel=account.channel))
    assert claimed_resources(layout.home("ann"), catalog=CATALOG).channels == (account.channel,)
    assert claimed_resources(layout.home("bob"), catalog=CATALOG).channels == ()


def test_a_channel_that_any_setting_starts_stays_off_without_an_account(tmp_path: Path) -> None:
    layout = make_lead(tmp_path, {"config.yaml": "platforms:\n  whatsapp:\n    extra:\n      reply_prefix: hm\n"})
    make_team(layout, NewMember("bob"), of=team(channel="whatsapp"))
    assert claimed_resources(layout.home("bob"), catalog=CATALOG).channels == ()


def test_a_lead_without_an_env_file_has_members_with_one(tmp_path: Path) -> None:
    """`hermes update` fills a missing one with the default profile's, tokens and all."""
    layout = make_lead(tmp_path, {"SOUL.md": "x"})
    make_team(layout, NewMember("bob"))
    make_team(layout, NewMember("ann"), of=team(name="none", share=()))
    for name in ("ann", "bob"):
        assert (layout.home(name) / ".env").read_text().startswith("# Secrets of this profile alone")


def test_only_variables_with_a_value_are_recorded_as_the_leads(tmp_path: Path) -> None:
    """An empty `WEIXIN_TOKEN=` of the lead keeps the shell's out; noted, it would be the lead's to take away."""
    layout = make_lead(tmp_path, {".env": "OPENAI_API_KEY=CANARY-k\nWEIXIN_TOKEN=\nEMPTY=\n"})
    (report, bare) = make_team(layout, NewMember("ann", weixin(1)), NewMember("bob"))
    assert report.carried == bare.carried == ("OPENAI_API_KEY",)
    assert env_of(layout, "ann")["WEIXIN_TOKEN"] == canary("weixin1")


def test_a_later_account_enables_its_channel(tmp_path: Path) -> None:
    """A clone's `enabled: false` would keep a new bot deaf."""
    layout = make_lead(tmp_path)
    make_team(layout, NewMember("ann"), of=team(channel="telegram"))
    with open(layout.home("ann") / ".env", "a") as file:
        file.write("TELEGRAM_BOT_TOKEN=7100000002:CANARYmine\n")
    assert claimed_resources(layout.home("ann"), catalog=CATALOG).channels == ("telegram",)


# --- one change


def test_a_team_is_one_change_and_undo_takes_it_all_back(layout: Layout) -> None:
    before = picture(layout.root)
    make_team(layout, NewMember("ann", weixin(1)), NewMember("bob", weixin(2)))
    (entry,) = Journal(layout.state).entries()
    assert entry.summary == "create team family: ann, bob" and set(entry.profiles) == {"ann", "bob", "default"}
    undone = undo(layout).change_id
    assert picture(layout.root) == before and sorted(os.listdir(layout.profiles)) == [".hermes-profiles"]
    assert read_teams(layout).by_name == {}
    undo(layout, undone)
    assert read_teams(layout).by_name["family"].members == ("ann", "bob")
    assert leaks(layout.state / "journal", ("CANARY",)) == []


def test_the_lead_is_read_once_however_many_members_there_are(tmp_path: Path) -> None:
    layout = make_lead(tmp_path, {**LEAD, **{f"skills/s{number}/SKILL.md": "x" * 4000 for number in range(50)}})
    seen: list[str] = []
    skills = str(layout.root / "skills")
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching[0] and event in ("os.scandir", "os.listdir", "open") and str(arguments[0]).startswith(skills):
            seen.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    try:
        make_team(layout, *(NewMember(f"m{number}") for number in range(30)))
    finally:
        watching[0] = False
    assert len(seen) == len(set(seen)) and seen, "something of the pool was read again"
    size = sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, files in os.walk(layout.home("m1"))
        for name in files
    )
    assert size < 4000, "a member is light"


# --- the lead's secrets in the pool


def test_a_token_in_the_pool_is_reported_with_its_place(tmp_path: Path) -> None:
    files = {**LEAD, "skills/greet/SKILL.md": f"call {TELEGRAM}\n", "SOUL.md": f"{canary('leadweixin')}\n",
             f"skills/{canary('leadweixin')}.md": "x\n"}  # fmt: skip
    layout = make_lead(tmp_path, files)
    warnings = [one for one in read_pool(team(), world(layout)).warnings if one.code == "shared-identity"]
    assert [one.target for one in warnings] == ["skills/greet/SKILL.md", "SOUL.md"]
    assert "CANARY" not in str(warnings) and "TELEGRAM_BOT_TOKEN" in warnings[0].message
    not_shared = read_pool(team(share=(Share.KEYS,)), world(layout)).warnings
    assert not_shared == ()


def test_many_such_places_are_counted(tmp_path: Path) -> None:
    layout = make_lead(tmp_path, {**LEAD, **{f"skills/s{number:02}/a.md": TELEGRAM for number in range(25)}})
    warnings = read_pool(team(), world(layout)).warnings
    assert len(warnings) == 11 and warnings[-1].message.startswith("15 more")


def test_logins_stay_with_a_lead_that_is_not_the_root(tmp_path: Path) -> None:
    auth = {"providers": {"nous": {"refresh_token": "CANARY-refresh"}, "anthropic": {"api_key": "CANARY-a"}}}
    layout = make_lead(tmp_path, {**LEAD, "auth.json": json.dumps(auth)}, lead="boss")
    (report,) = make_team(layout, NewMember("ann"), of=team(lead="boss"))
    assert report.login_again == ("anthropic", "nous") and not (layout.home("ann") / "auth.json").exists()
    (layout.root / "auth.json").write_text('{"providers": {"nous": {"refresh_token": "CANARY-root"}}}')
    (report,) = make_team(layout, NewMember("bob"), of=team(lead="boss"))
    assert report.login_again == ("anthropic",), "a profile without a login of its own uses the root's"
    layout.home("boss").joinpath("auth.json").rename(layout.root / "auth.json")
    (report,) = make_team(layout, NewMember("carl"), of=team(name="other"))
    assert report.login_again == ()


def test_bitwarden_and_dangling_references_are_reported(tmp_path: Path) -> None:
    config = f"{LEAD['config.yaml']}secrets:\n  bitwarden:\n    enabled: true\n"
    config += "mcp_servers:\n  a:\n    env:\n      T: ${TELEGRAM_BOT_TOKEN}\n"
    layout = make_lead(tmp_path, {**LEAD, "config.yaml": config})
    assert [one.code for one in read_pool(team(), world(layout)).warnings] == ["bitwarden", "dangling-reference"]


# --- refusals


def refused(layout: Layout, *members: NewMember, define: bool = True, **more: object) -> Refused:
    before = picture(layout.root), os.listdir(layout.profiles)
    with pytest.raises(Refused) as error:
        build_members(team(**more), members, world(layout), define=define, command=("x",))  # type: ignore[arg-type]
    assert (picture(layout.root), os.listdir(layout.profiles)) == before
    return error.value


def test_no_such_lead(layout: Layout) -> None:
    with pytest.raises(NotFound):
        build_members(team(lead="nobody"), [], world(layout), define=True, command=("x",))


def test_a_name_that_is_taken_by_anything(layout: Layout) -> None:
    (layout.profiles / "ann").symlink_to("nowhere")
    assert refused(layout, NewMember("bob"), NewMember("ann")).problem.code == "exists"


def test_a_team_that_is_there(layout: Layout) -> None:
    make_team(layout)
    assert refused(layout).problem.code == "team-exists"
    assert "team add" in (refused(layout).problem.hint or "")


def test_a_lead_that_is_a_member(layout: Layout) -> None:
    make_team(layout, NewMember("ann"))
    assert refused(layout, name="two", lead="ann").problem.code == "lead-is-member"


def test_a_team_whose_lead_is_gone(layout: Layout) -> None:
    assert refused(layout, NewMember("ann"), define=False, lead="").problem.code == "no-lead"


@pytest.mark.parametrize(("names", "code"), [
    (("ann", "ann"), "named-twice"), (("ann", " Ann"), "named-twice"), (("a b",), "bad-name"), (("../x",), "bad-name"),
    (("root",), "reserved-name"), (("default",), "reserved-name"), (("",), "bad-name"),
])  # fmt: skip
def test_names_that_cannot_be(layout: Layout, names: tuple[str, ...], code: str) -> None:
    with pytest.raises(UsageProblem) as error:
        build_members(team(), [NewMember(name) for name in names], world(layout), define=True, command=("x",))
    assert error.value.problem.code == code


def test_an_unknown_channel_is_refused_with_the_known_ones(layout: Layout) -> None:
    with pytest.raises(UsageProblem) as error:
        build_members(team(channel="wechat"), [], world(layout), define=True, command=("x",))
    assert "weixin" in (error.value.problem.hint or "") and "telegram" in (error.value.problem.hint or "")


@pytest.mark.parametrize(("name", "content"), [
    (".env", "A='open\nTELEGRAM_BOT_TOKEN=CANARY-open-quote\n"), ("config.yaml", "model: [\n"),
    ("config.yaml", "a: 1\n\tb: 2\n"), ("profile.yaml", "teams: {\n"), ("auth.json", "{"),
])  # fmt: skip
def test_a_lead_with_unreadable_files_is_refused(tmp_path: Path, name: str, content: str) -> None:
    layout = make_lead(tmp_path, {**LEAD, name: content})
    with pytest.raises(DocumentError) as error:
        build_members(team(), [NewMember("ann")], world(layout), define=True, command=("x",))
    assert name in error.value.problem.message and "--skip-unreadable" not in (error.value.problem.hint or "")
    assert "CANARY" not in str(error.value.problem) and os.listdir(layout.profiles) == []


def test_an_account_of_another_channel_or_with_foreign_variables_is_refused(layout: Layout) -> None:
    token = Secret("CANARY-1234")
    for account, code in (
        (Account("slack", "x", {"SLACK_BOT_TOKEN": token}), "other-channel"),
        (weixin(1)._replace(variables={"WEIXIN_TOKEN": token, "LD_PRELOAD": Secret("x")}), "bad-account"),
        (weixin(1)._replace(variables={"WEIXIN_TOKEN": token, "TELEGRAM_BOT_TOKEN": token}), "bad-account"),
    ):
        with pytest.raises(UsageProblem) as error:
            build_members(team(), [NewMember("ann", account)], world(layout), define=True, command=("x",))
        assert error.value.problem.code == code


def test_modes_are_private_under_any_umask(layout: Layout) -> None:
    before = os.umask(0)
    try:
        make_team(layout, NewMember("ann", weixin(1)))
    finally:
        os.umask(before)
    assert_private(layout.home("ann"))
    assert stat.S_IMODE((layout.root / "profile.yaml").stat().st_mode) == 0o600
