"""Imported accounts found by Hermes' loader per member, and accounts of Hermes' writer imported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from accounts_root import running_accounts
from command_root import CommandRoot
from command_runner import Runner
from openclaw_install import BASE, OpenClaw, token
from real_hermes import hermes_python

pytestmark = pytest.mark.judge

# The account of a gateway of this home, according to the adapter.
READ = r"""
import json, logging, os, sys
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
home = os.environ["HERMES_HOME"]
import hermes_cli.env_loader
hermes_cli.env_loader.load_hermes_dotenv(hermes_home=home)
from gateway.config import Platform, load_gateway_config
from gateway.platforms import weixin
found = load_gateway_config()
connected = sorted(each.value for each in found.get_connected_platforms())
config = found.platforms[Platform.WEIXIN]
adapter = weixin.WeixinAdapter(config)
adapter._token_store.restore(adapter._account_id)
stored = weixin.load_weixin_account(home, adapter._account_id)
for name in ("WEIXIN_TOKEN", "WEIXIN_BASE_URL"):
    os.environ.pop(name, None)
config.token = None
config.extra.pop("base_url", None)
bare = weixin.WeixinAdapter(config)  # all it has is the account's file
json.dump({
    "enabled": config.enabled, "connected": connected,
    "id": adapter._account_id, "token": adapter._token, "base": adapter._base_url, "stored": stored,
    "file_token": bare._token, "file_base": bare._base_url,
    "allow": adapter._allow_from, "policy": adapter._dm_policy, "groups": adapter._group_policy,
    "sync": weixin._load_sync_buf(home, adapter._account_id), "contexts": adapter._token_store._cache,
}, sys.stdout)
"""
# Hermes' writer, called like by its QR set-up and its adapter.
WRITE = r"""
import json, os, sys
sys.dont_write_bytecode = True
home = os.environ["HERMES_HOME"]
from gateway.platforms import weixin
for row in json.load(sys.stdin):
    fields = {"token": row["token"], "base_url": row["base"], "user_id": row["user"]}
    weixin.save_weixin_account(home, account_id=row["id"], **fields)
    weixin._save_sync_buf(home, row["id"], row["sync"])
    weixin.ContextTokenStore(home).set(row["id"], "o9friend", row["context"])
"""


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    world = CommandRoot(runner)
    world.make("default", {"config.yaml": "model: gpt-5\n", ".env": "OPENAI_API_KEY=sk-CANARY-0123456789abcdef\n"})
    return world


def ask(world: CommandRoot, home: Path, script: str, given: object = None) -> Any:
    environment = {**world.runner.environment, "HERMES_HOME": str(home)}
    del environment["PYTHONPATH"], environment["PYTHONWARNINGS"]
    done = subprocess.run(
        [hermes_python(), "-c", script], env=environment, input=json.dumps(given), capture_output=True, text=True,
        check=False, timeout=120, cwd=world.user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_hermes_finds_each_account_of_openclaw_at_its_member(world: CommandRoot) -> None:
    install = OpenClaw(world.user / ".openclaw")
    install.add("aaa111", allowed=["o9x@im.wechat", "o9y@im.wechat"], sync="b1ob==", contexts={"o9x@im.wechat": "c1"})
    install.add("bbb222", file="bbb222@im.bot", listed="bbb222@im.bot", data={"baseUrl": "https://sz.weixin.qq.com/"})
    install.add("ccc333", user="", data={"baseUrl": None})
    world.ok("team", "import", "openclaw", "~/.openclaw")
    found = {word: ask(world, world.home(word), READ) for word in ("aaa111", "bbb222", "ccc333")}
    for word, read in found.items():
        assert read["enabled"] and "weixin" in read["connected"] and read["groups"] == "disabled"
        assert (read["id"], read["token"], read["file_token"]) == (f"{word}@im.bot", token(word), token(word))
        assert read["stored"]["token"] == token(word) and read["base"] == read["file_base"]
    assert [read["base"] for read in found.values()] == [BASE, "https://sz.weixin.qq.com", BASE]
    assert [read["policy"] for read in found.values()] == ["allowlist", "allowlist", "pairing"]
    assert [read["allow"] for read in found.values()] == [
        ["o9x@im.wechat", "o9y@im.wechat"],
        ["o9bbb222@im.wechat"],
        [],
    ]
    assert found["aaa111"]["sync"] == "b1ob==" and found["bbb222"]["sync"] == ""
    assert found["aaa111"]["contexts"] == {"aaa111@im.bot:o9x@im.wechat": "c1"}


@pytest.mark.nightly
def test_gateways_continue_where_openclaw_stopped() -> None:
    with running_accounts("imported") as live:
        live.lead()
        install = OpenClaw(live.user / ".openclaw")
        for word in ("ann", "bob"):
            install.add(word, user=f"friend-of-{word}", data={"baseUrl": live.ilink.url}, sync=f"cursor-of-{word}")
        before = install.picture()
        Runner(live.user).ok("team", "import", "openclaw", str(install.state))
        assert install.picture() == before
        live.start("ann", "bob")
        polled = live.ilink.wait(lambda: len(live.ilink.cursors) == 2, 240)
        assert polled and live.ilink.cursors == {token(word): f"cursor-of-{word}" for word in ("ann", "bob")}, (
            live.logs()
        )
        live.ilink.send(token("bob"), "friend-of-bob", "are you there")
        live.ilink.send(token("ann"), "friend-of-bob", "a stranger here")
        assert live.ilink.wait(lambda: bool(live.ilink.answers(token("bob"), "friend-of-bob")), 240), live.logs()
        assert not live.ilink.answers(token("ann"), "friend-of-bob")


def test_stored_accounts_of_hermes_move_completely(world: CommandRoot) -> None:
    rows = [
        {"id": f"{word}@im.bot", "token": token(word), "base": BASE, "user": f"o9{word}", "sync": f"buf-{word}",
         "context": f"CANARY-{word}"}
        for word in ("own", "ann", "bob")
    ]  # fmt: skip
    ask(world, world.root, WRITE, rows)
    with (world.root / ".env").open("a") as file:
        file.write(f"WEIXIN_ACCOUNT_ID=own@im.bot\nWEIXIN_TOKEN={token('own')}\n")
    own = ask(world, world.root, READ)
    world.ok("team", "import", "hermes", "default")
    for word in ("ann", "bob"):
        read = ask(world, world.home(word), READ)
        assert (read["id"], read["token"], read["sync"]) == (f"{word}@im.bot", token(word), f"buf-{word}")
        assert read["contexts"] == {f"{word}@im.bot:o9friend": f"CANARY-{word}"} and read["allow"] == [f"o9{word}"]
    assert ask(world, world.root, READ) == own, "the account in use is unchanged"
    assert {path.name for path in (world.root / "weixin/accounts").iterdir()} == {
        "own@im.bot.json", "own@im.bot.sync.json", "own@im.bot.context-tokens.json",
    }  # fmt: skip


def test_imported_table_is_read_by_hermes(world: CommandRoot) -> None:
    (world.user / "t.csv").write_text(
        f"account_id;token;allow\naaa111-im-bot;{token('aaa111')};o9x o9y\nbbb222@im.bot;{token('bbb222')};\n"
    )
    world.ok("team", "import", "csv", "t.csv")
    read = ask(world, world.home("aaa111"), READ)
    assert (read["id"], read["token"], read["allow"]) == ("aaa111@im.bot", token("aaa111"), ["o9x", "o9y"])
    assert ask(world, world.home("bbb222"), READ)["policy"] == "pairing"
