"""Real Hermes on members of a team: own account, no channel of the lead, the pool through links."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command_root import CommandRoot
from command_runner import Runner
from hermes_judge import environment
from real_hermes import hermes_python

pytestmark = pytest.mark.judge

LEAD = {
    ".env": "# the house\nOPENAI_API_KEY=sk-CANARY-shared-0123456789\n"
    "TELEGRAM_BOT_TOKEN=7100000001:CANARYleadCANARYlead\n"
    "SLACK_BOT_TOKEN=xoxb-CANARY-lead\nSLACK_APP_TOKEN=xapp-CANARY-lead\nWEIXIN_TOKEN=CANARY-lead-weixin\n"
    "WEIXIN_ACCOUNT_ID=1ead@im.bot\nWEIXIN_BASE_URL=http://127.0.0.1:9/lead\nWEIXIN_DM_POLICY=open\n"
    "WEIXIN_GROUP_POLICY=open\nWEIXIN_ALLOWED_USERS=boss\nWEIXIN_ALLOW_ALL_USERS=true\n",
    "config.yaml": "model:\n  default: the/model\nplatforms:\n  telegram:\n    enabled: true\n  slack:\n"
    "    enabled: true\n  weixin:\n    enabled: true\n    extra:\n      send_chunk_retries: 7\n"
    "agent:\n  max_turns: 33\ngateway:\n  multiplex_profiles: true\n",
    "SOUL.md": "You are the persona of the lead.\n",
    "skills/team/greet/SKILL.md": "---\nname: greet-in-team\ndescription: Greets people.\n---\nSay hello.\n",
    "plugins/wave/plugin.yaml": "name: wave\nversion: '1'\ndescription: waves\n",
    "memories/MEMORY.md": "I am the lead's alone.\n",
}
SCRIPT = r"""
import json, logging, os, sys
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
home = os.environ["HERMES_HOME"]
import hermes_cli.env_loader
hermes_cli.env_loader.load_hermes_dotenv(hermes_home=home)
from gateway.config import Platform, load_gateway_config
from hermes_cli.config import load_config
from agent.prompt_builder import load_soul_md
from agent.skill_utils import get_all_skills_dirs, iter_skill_index_files
def platforms(config):
    return {one.value: {"token": each.token, "extra": each.extra}
            for one, each in config.platforms.items() if each.enabled}
answer = {
    "platforms": platforms(load_gateway_config()),
    "model": load_config().get("model"), "turns": load_config()["agent"]["max_turns"],
    "key": os.environ.get("OPENAI_API_KEY"), "soul": load_soul_md(),
    "skills": sorted(each.parent.name for d in get_all_skills_dirs() for each in iter_skill_index_files(d, "SKILL.md")),
}
if len(sys.argv) > 1:  # as a multiplexer: the result for each of the other profiles
    from pathlib import Path
    from gateway.authz_mixin import _auth_env
    from gateway.run import _own_policy_open_startup_violation, _profile_runtime_scope
    import agent.secret_scope
    agent.secret_scope.set_multiplex_active(True)
    for name in sys.argv[1:]:
        with _profile_runtime_scope(Path(home) / "profiles" / name):
            config = load_gateway_config()
            answer[name] = {
                "platforms": platforms(config), "violation": _own_policy_open_startup_violation(config),
                "allowed": _auth_env("WEIXIN_ALLOWED_USERS"), "soul": load_soul_md(),
            }
json.dump(answer, sys.stdout, default=str)
"""


@pytest.fixture
def team(runner: Runner) -> CommandRoot:
    world = CommandRoot(runner)
    world.make(files=LEAD)
    world.ok("team", "create", "family", "--members", "ann,bob,carl")
    for number, name in enumerate(("ann", "bob")):
        world.ok(
            "team", "add", name, "--account-id", f"{name}0000{number}@im.bot", "--base-url",
            f"http://127.0.0.1:9/{name}", *(("--allow", "mum,dad") if name == "ann" else ()),
            typed=f"CANARY-token-of-{name}",
        )  # fmt: skip
    return world


def hermes_finds(world: CommandRoot, profile: str, *others: str) -> dict[str, Any]:
    home: Path = world.home(profile)
    done = subprocess.run(
        [hermes_python(), "-c", SCRIPT, *others], env=environment(world.user, HERMES_HOME=str(home)),
        capture_output=True, text=True, check=False, timeout=180, cwd=world.user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_hermes_finds_channels_of_lead(team: CommandRoot) -> None:
    """Precondition of the other tests."""
    found = hermes_finds(team, "default")
    assert {"telegram", "slack", "weixin"} <= set(found["platforms"])
    assert found["platforms"]["weixin"]["token"] == "CANARY-lead-weixin"


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_member_finds_its_own_account_and_the_pool(team: CommandRoot, name: str) -> None:
    found = hermes_finds(team, name)
    assert set(found["platforms"]) == {"weixin"}, "a channel of the lead is on"
    weixin = found["platforms"]["weixin"]
    assert weixin["token"] == f"CANARY-token-of-{name}"
    number = ("ann", "bob").index(name)
    assert weixin["extra"]["account_id"] == f"{name}0000{number}@im.bot"
    assert weixin["extra"]["base_url"] == f"http://127.0.0.1:9/{name}"
    assert weixin["extra"]["send_chunk_retries"] == 7, "values other than identities are shared"
    allowed = {"ann": ("allowlist", "mum,dad"), "bob": ("pairing", None)}[name]
    assert (weixin["extra"]["dm_policy"], weixin["extra"].get("allow_from")) == allowed
    assert weixin["extra"]["group_policy"] == "disabled"
    assert found["model"]["default"] == "the/model" and found["turns"] == 33
    assert found["key"] == "sk-CANARY-shared-0123456789"
    assert found["soul"] == "You are the persona of the lead." and found["skills"] == ["greet"]
    assert (team.home(name) / "skills").is_symlink() and (team.home(name) / "SOUL.md").is_symlink(), "Hermes kept them"


@pytest.mark.nightly
def test_member_without_an_account_has_no_channel_until_it_gets_one(team: CommandRoot) -> None:
    found = hermes_finds(team, "carl")
    assert found["platforms"] == {} and found["soul"] == "You are the persona of the lead."
    with open(team.home("carl") / ".env", "a") as file:  # like `hermes gateway setup`
        file.write("WEIXIN_TOKEN=CANARY-by-setup\nWEIXIN_ACCOUNT_ID=carl@im.bot\n")
    assert hermes_finds(team, "carl")["platforms"]["weixin"]["token"] == "CANARY-by-setup"


def test_members_are_separate_in_the_multiplexer(team: CommandRoot) -> None:
    """The process has the lead's variables, which include open access; they apply to no member."""
    found = hermes_finds(team, "default", "ann", "bob", "carl")
    for name in ("ann", "bob"):
        assert set(found[name]["platforms"]) == {"weixin"}
        weixin = found[name]["platforms"]["weixin"]
        assert weixin["token"] == f"CANARY-token-of-{name}" and found[name]["violation"] is None
        assert weixin["extra"]["dm_policy"] == {"ann": "allowlist", "bob": "pairing"}[name]
        assert found[name]["soul"] == "You are the persona of the lead."
    assert found["ann"]["allowed"] == "mum,dad", "the lead's list would exclude the users of ann"
    assert found["carl"]["platforms"] == {}


@pytest.mark.nightly
def test_skill_of_the_lead_is_visible_to_every_member(team: CommandRoot) -> None:
    team.make(files={"skills/late/SKILL.md": "---\nname: late\ndescription: Came late.\n---\nx\n"})
    assert hermes_finds(team, "ann")["skills"] == hermes_finds(team, "bob")["skills"] == ["greet", "late"]


@pytest.mark.parametrize(("channel", "typed", "lead"), [
    ("telegram", "TELEGRAM_BOT_TOKEN=7200000001:CANARYmemberCANARYmemberCANARYmember\n", "7100000001"),
    pytest.param(
        "slack", "SLACK_BOT_TOKEN=xoxb-CANARY-member\nSLACK_APP_TOKEN=xapp-CANARY-member\n", "CANARY-lead",
        marks=pytest.mark.nightly,
    ),
    pytest.param(
        "signal", "SIGNAL_HTTP_URL=http://127.0.0.1:9\nSIGNAL_ACCOUNT=+4915112345678\n", "CANARY-lead",
        marks=pytest.mark.nightly,
    ),
])  # fmt: skip
def test_members_on_other_channels(team: CommandRoot, channel: str, typed: str, lead: str) -> None:
    team.ok("team", "create", "second", "--channel", channel, "--members", "bare")
    team.ok("team", "add", "dora", "--team", "second", "--allow", "42", "--offline", typed=typed)
    found = hermes_finds(team, "dora")
    assert set(found["platforms"]) == {channel} and lead not in json.dumps(found)
    assert hermes_finds(team, "bare")["platforms"] == {}


@pytest.mark.nightly
def test_profile_that_joined_reads_the_pool_and_keeps_its_channel(team: CommandRoot) -> None:
    team.make("work", {
        ".env": "DISCORD_BOT_TOKEN=CANARY-discord-of-work\nOPENAI_API_KEY=sk-CANARY-mine\n", "SOUL.md": "I am work.\n",
        "config.yaml": "model:\n  default: mine\n", "skills/mine/SKILL.md": "---\nname: mine\ndescription: x\n---\nx\n",
    })  # fmt: skip
    before = hermes_finds(team, "work")
    assert before["skills"] == ["mine"] and before["soul"] == "I am work."
    team.ok("team", "add", "work", "--account-id", "work00@im.bot", typed="CANARY-token-of-work")
    found = hermes_finds(team, "work")
    assert found["skills"] == ["greet"] and found["soul"] == "You are the persona of the lead."
    assert found["model"]["default"] == "the/model" and found["key"] == "sk-CANARY-shared-0123456789"
    assert set(found["platforms"]) == {"weixin", *before["platforms"]}
    team.ok("undo")
    assert hermes_finds(team, "work")["skills"] == ["mine"]
