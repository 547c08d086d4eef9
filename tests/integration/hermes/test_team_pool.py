"""Real Hermes on the pool of a team: members read changes of the lead, through links or after a sync.

Files that Hermes writes into a member's home are the member's own or repaired."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from command_root import CommandRoot
from command_runner import Runner
from hermes_judge import environment
from real_hermes import hermes_python

pytestmark = pytest.mark.judge

SCRIPT = r"""
import json, logging, os, sys
from pathlib import Path
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
home = Path(os.environ["HERMES_HOME"])
import hermes_cli.env_loader
hermes_cli.env_loader.load_hermes_dotenv(hermes_home=str(home))
from agent.onboarding import is_seen, mark_seen
from agent.prompt_builder import load_soul_md
from agent.skill_utils import get_all_skills_dirs, iter_skill_index_files
from hermes_cli.config import load_config, save_config
if sys.argv[1] == "notes":
    assert mark_seen(home / "config.yaml", "busy_input_prompt")
if sys.argv[1] == "saves":
    config = load_config()
    config["model"] = {"default": "its/own"}
    save_config(config)
json.dump({
    "skills": sorted(each.parent.name for d in get_all_skills_dirs() for each in iter_skill_index_files(d, "SKILL.md")),
    "soul": load_soul_md(), "model": load_config().get("model"), "key": os.environ.get("OPENAI_API_KEY"),
    "seen": is_seen(load_config(), "busy_input_prompt"), "token": os.environ.get("WEIXIN_TOKEN"),
}, sys.stdout, default=str)
"""
LEAD = {
    ".env": "OPENAI_API_KEY=sk-CANARY-shared-0123456789\nWEIXIN_TOKEN=CANARY-lead-weixin\n"
    "WEIXIN_ACCOUNT_ID=lead@im.bot\n",
    "config.yaml": "# the lead\nmodel:\n  default: the/model\nplatforms:\n  weixin:\n    enabled: true\n",
    "SOUL.md": "You are the persona of the lead.\n",
    "skills/team/greet/SKILL.md": "---\nname: greet\ndescription: Greets people.\n---\nSay hello.\n",
}


@pytest.fixture
def team(runner: Runner) -> CommandRoot:
    world = CommandRoot(runner)
    world.make("default", LEAD)
    runner.ok("team", "create", "crew", "--members", "ann,bob")
    for name in ("ann", "bob"):
        with open(world.home(name) / ".env", "a") as file:
            file.write(f"WEIXIN_TOKEN=CANARY-{name}-weixin\nWEIXIN_ACCOUNT_ID={name}@im.bot\n")
    return world


def hermes(world: CommandRoot, name: str, does: str = "reads") -> dict[str, Any]:
    done = subprocess.run(
        [hermes_python(), "-c", SCRIPT, does], env=environment(world.user, HERMES_HOME=str(world.home(name))),
        capture_output=True, text=True, check=False, timeout=180, cwd=world.user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_new_skill_and_persona_are_visible_without_a_sync(team: CommandRoot) -> None:
    assert hermes(team, "ann")["skills"] == ["greet"]
    skill = team.home("default") / "skills" / "team" / "sing"
    skill.mkdir()
    (skill / "SKILL.md").write_text("---\nname: sing\ndescription: Sings.\n---\nLa.\n")
    (team.home("default") / "SOUL.md").write_text("You are new.\n")
    for name in ("ann", "bob"):
        found = hermes(team, name)
        assert found["skills"] == ["greet", "sing"] and found["soul"] == "You are new."
        assert found["token"] == f"CANARY-{name}-weixin"
    assert team.runner.call("team", "check").code == 0


def test_settings_and_keys_arrive_with_a_sync(team: CommandRoot) -> None:
    lead = team.home("default")
    (lead / "config.yaml").write_text(LEAD["config.yaml"].replace("the/model", "new/model"))
    (lead / ".env").write_text(LEAD[".env"].replace("0123456789", "9876543210"))
    assert hermes(team, "ann")["model"]["default"] == "the/model"
    assert team.runner.call("team", "check").code == 3
    team.runner.ok("team", "sync")
    for name in ("ann", "bob"):
        found = hermes(team, name)
        assert found["model"]["default"] == "new/model" and found["key"].endswith("9876543210")
        assert found["token"] == f"CANARY-{name}-weixin"


def test_user_notes_of_hermes_are_not_drift(team: CommandRoot) -> None:
    assert hermes(team, "ann", "notes")["seen"] is True
    done = team.runner.call("team", "check", "--json")
    assert done.code == 0, done.stdout
    team.runner.ok("team", "sync")
    assert hermes(team, "ann")["seen"] is True and hermes(team, "bob")["seen"] is False


def test_sync_reverts_a_configuration_saved_by_hermes(team: CommandRoot) -> None:
    """Hermes rewrites the whole file: each of its defaults becomes drift, and a sync reverts it."""
    hermes(team, "ann", "saves")
    assert team.runner.call("team", "check").code == 3
    team.runner.ok("team", "sync")
    found = hermes(team, "ann")
    assert found["model"]["default"] == "the/model" and found["token"] == "CANARY-ann-weixin"
    assert team.runner.call("team", "check").code == 0
    assert hermes(team, "bob")["model"]["default"] == "the/model"


def test_deleted_persona_of_the_lead_is_not_written_by_a_member(team: CommandRoot) -> None:
    (team.home("default") / "SOUL.md").unlink()
    team.runner.ok("team", "sync")
    hermes(team, "ann")
    assert not (team.home("default") / "SOUL.md").exists()
