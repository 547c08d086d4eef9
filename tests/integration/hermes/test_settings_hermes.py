"""Settings written by the commands, read by Hermes' config loader, `.env` loader and menus."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from command_runner import Runner
from real_hermes import hermes_python

pytestmark = pytest.mark.judge

SCRIPT = r"""
import json, logging, os, sys
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
import hermes_cli.env_loader
from hermes_cli.config import load_config, load_env
home = os.environ["HERMES_HOME"]
menus = load_env()
hermes_cli.env_loader.load_hermes_dotenv(hermes_home=home)
json.dump({"config": load_config(), "env": dict(os.environ), "menus": menus}, sys.stdout, default=str)
"""
CONFIG = "# mine\nmodel:\n  default: old/one  # note\nagent:\n  max_turns: 3\nbase: &b {x: 1}\nmine:\n  <<: *b\n"


@pytest.fixture
def work(runner: Runner) -> Runner:
    home = runner.user_home / ".hermes" / "profiles" / "work"
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(CONFIG)
    (home / ".env").write_text("# keys\nexport OPENAI_API_KEY='old' # note\r\nHASS_TOKEN=x\r\n")
    return runner


def hermes_reads(runner: Runner) -> dict[str, Any]:
    home = runner.user_home / ".hermes" / "profiles" / "work"
    environment = {**runner.environment, "HERMES_HOME": str(home)}
    del environment["PYTHONPATH"], environment["PYTHONWARNINGS"]
    done = subprocess.run(
        [hermes_python(), "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return dict(json.loads(done.stdout))


def test_hermes_loads_changed_setting(work: Runner) -> None:
    assert hermes_reads(work)["config"]["model"]["default"] == "old/one", "precondition of the test"
    for path, value in {
        "model.default": "new/one", "agent.max_turns": "8", "agent.verbose": "true", "toolsets": "[web, terminal]",
        "mine.y": "{a: 'x: y', b: [1, '22:30']}", "agent.when": "22:30", "mine.x": "2",
        "agent.personality": "# no comment",
    }.items():  # fmt: skip
        work.ok("config", "set", "work", path, value)
    work.ok("config", "set", "work", "providers.x.api_key", typed="CANARY: #key")
    found = hermes_reads(work)["config"]
    assert found["model"]["default"] == "new/one" and found["toolsets"] == ["web", "terminal"]
    assert (found["agent"]["max_turns"], found["agent"]["verbose"], found["agent"]["when"]) == (8, True, "22:30")
    assert found["agent"]["personality"] == "# no comment" and found["base"] == {"x": 1}
    assert found["mine"] == {"x": 2, "y": {"a": "x: y", "b": [1, "22:30"]}}
    assert found["providers"]["x"]["api_key"] == "CANARY: #key"
    work.ok("config", "unset", "work", "mine.y")
    assert hermes_reads(work)["config"]["mine"] == {"x": 2}


@pytest.mark.parametrize(
    "value", ["CANARY-plain", "with blank", "a#b", "# all", "x=y", "'quoted", 'say "x"', "back\\slash", ""]
)
def test_hermes_readers_load_changed_variable(work: Runner, value: str) -> None:
    for name in ("OPENAI_API_KEY", "BRAND_NEW"):
        work.ok("env", "set", "work", name, *(() if value else ("--empty",)), typed=value + "\n")
    found = hermes_reads(work)
    for name in ("OPENAI_API_KEY", "BRAND_NEW"):
        assert found["env"].get(name, "") == found["menus"].get(name, "") == value
    assert found["env"]["HASS_TOKEN"] == "x"
    work.ok("env", "unset", "work", "OPENAI_API_KEY")
    assert "OPENAI_API_KEY" not in hermes_reads(work)["menus"]


def test_hermes_loads_synced_settings(work: Runner) -> None:
    other = work.user_home / ".hermes" / "profiles" / "other"
    other.mkdir()
    (other / "config.yaml").write_text(
        "model: &m\n  default: shared/model\nfallback: *m\nplatform_toolsets:\n  cli: [web]\n"
    )
    (other / ".env").write_text("OPENROUTER_API_KEY='CANARY x'\n")
    keys = "model,fallback,platform_toolsets"
    work.ok("sync", "--from", "other", "--to", "work", "--keys", keys, "--env", "OPENROUTER_API_KEY")
    found = hermes_reads(work)
    assert found["config"]["model"]["default"] == "shared/model" == found["config"]["fallback"]["default"]
    assert found["config"]["platform_toolsets"]["cli"] == ["web"]
    assert found["env"]["OPENROUTER_API_KEY"] == found["menus"]["OPENROUTER_API_KEY"] == "CANARY x"
