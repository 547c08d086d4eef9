"""Many WeChat accounts on real Hermes: a lead, a light profile for each account, and gateways that serve them.

The API of WeChat and the model are a stand-in on 127.0.0.1; all other connections are refused.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hermes_judge import environment, far_folder
from ilink_stand_in import Ilink
from real_hermes import hermes_python
from ruamel.yaml import YAML
from shim_stage import NO_NETWORK

KEY = "sk-CANARY-model-0123456789"
BOSS = "boss-of-all"
MODEL_KEYS = f"OPENAI_API_KEY={KEY}\nHERMES_DISABLE_LAZY_INSTALLS=1\n"
# Hermes waits some seconds for further parts of a message; tests shorten this wait.
QUICK = {"text_batch_delay_seconds": 0.1, "text_batch_split_delay_seconds": 0.1, "send_chunk_delay_seconds": 0.05}


def token(member: str) -> str:
    return f"CANARY-token-of-{member}-0123456789abcdef"


def account_id(member: str) -> str:
    return f"{member}-0123456789@im.bot"


def friend(member: str) -> str:
    return f"friend-of-{member}"


def eventually(check: Any, what: Any, *, patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.1)


class AccountsRoot:
    """A root with a lead (`default`) and members; `running` is every gateway by the profile it was started for."""

    def __init__(self, user_home: Path, ilink: Ilink) -> None:
        self.user, self.ilink = user_home, ilink
        self.root = user_home / ".hermes"
        self.members: tuple[str, ...] = ()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = environment(
            user_home, HERMES_HOME=str(self.root), HERMES_ALLOW_ROOT_GATEWAY="1", LANG="C.UTF-8", **NO_NETWORK
        )
        self._python = hermes_python()

    def home(self, profile: str) -> Path:
        return self.root if profile == "default" else self.root / "profiles" / profile

    def config(self) -> dict[str, Any]:
        """Return the model settings of a pool: the stand-in, with a fixed context length."""
        model = {"default": "stand-in", "provider": "custom", "base_url": f"{self.ilink.url}/v1", "api_key": KEY}
        return {"model": {**model, "context_length": 128_000}, "display": {"show_home_channel_notice": False}}

    def lead(self) -> None:
        """Write the lead: model, persona and one skill; no account of its own."""
        self.root.mkdir(mode=0o700, parents=True)
        self.private(self.root / ".env", MODEL_KEYS)
        (self.root / "config.yaml").write_text(json.dumps(self.config()))
        (self.root / "SOUL.md").write_text("You are persona-of-the-lead.\n")
        self.skill("first")

    def skill(self, name: str) -> None:
        """Add a skill to the lead's pool."""
        folder = self.root / "skills" / "team" / f"skill-of-{name}"
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(
            f"---\nname: skill-of-{name}\ndescription: Does what {name} says.\n---\nDo it.\n"
        )

    def lead_has_an_account(self) -> None:
        """Give the lead an account, with all variables that Hermes' set-up writes."""
        config = json.loads((self.root / "config.yaml").read_bytes())
        extra = {"dm_policy": "allowlist", "allow_from": [friend("default")], **QUICK}
        config["platforms"] = {"weixin": {"enabled": True, "extra": extra}}
        (self.root / "config.yaml").write_text(json.dumps(config))
        with (self.root / ".env").open("a") as env:
            env.write(
                f"WEIXIN_TOKEN={token('default')}\nWEIXIN_ACCOUNT_ID={account_id('default')}\n"
                f"WEIXIN_BASE_URL={self.ilink.url}\nWEIXIN_CDN_BASE_URL={self.ilink.url}/c2c\n"
                f"WEIXIN_HOME_CHANNEL={friend('default')}\n"
            )

    def by_hand(self, members: Sequence[str], **extra: Any) -> None:
        """Write members without a command: pool links, and the account in `.env` and config.yaml.

        The allowed users of an account are in `extra`; by default its friend and the boss.
        """
        self.members = tuple(members)
        for member in members:
            home = self.home(member)
            home.mkdir(mode=0o700, parents=True)
            (home / "skills").symlink_to("../../skills")
            (home / "SOUL.md").symlink_to("../../SOUL.md")
            self.private(
                home / ".env",
                f"{MODEL_KEYS}WEIXIN_TOKEN={token(member)}\nWEIXIN_ACCOUNT_ID={account_id(member)}\n"
                f"WEIXIN_BASE_URL={self.ilink.url}\nWEIXIN_HOME_CHANNEL={friend(member)}\n",
            )
            policy = extra or {"dm_policy": "allowlist", "allow_from": [friend(member), BOSS]}
            channel = {"enabled": True, "extra": {**policy, **QUICK}}
            config = {**self.config(), "platforms": {"weixin": channel}}
            (home / "config.yaml").write_text(json.dumps(config))

    def private(self, path: Path, content: str) -> None:
        path.touch(mode=0o600)
        path.write_text(content)

    def multiplex(self, *, on: bool = True) -> None:
        """Enable multiplexing in the lead's config.yaml.

        Hermes may have rewritten the file: at the first message it records an offer.
        """
        config = YAML(typ="safe").load((self.root / "config.yaml").read_bytes())
        (self.root / "config.yaml").write_text(json.dumps({**config, "gateway": {"multiplex_profiles": on}}))

    def serve(self, mode: str) -> None:
        """Start the gateways of a run mode, and wait until every account is polled."""
        self.multiplex(on=mode == "multiplex")
        self.start(*(("default",) if mode == "multiplex" else self.members))
        self.polled()

    def start(self, *profiles: str) -> None:
        for profile in profiles:
            with (self.user / f"{profile}.log").open("ab") as log:
                self.running[profile] = subprocess.Popen(
                    [self._python, "-m", "hermes_cli.main", "-p", profile, "gateway", "run"], env=self.environment,
                    stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.user,
                )  # fmt: skip

    def polled(self, *, patience: float = 90) -> None:
        """Wait until every member's account is polled."""
        wanted = {token(member) for member in self.members}
        done = self.ilink.wait(lambda: wanted <= self.ilink.polls.keys(), patience)
        assert done, f"not polled: {sorted(wanted - self.ilink.polls.keys())}\n{self.logs()}"

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGINT)
        late = [process for process in self.running.values() if not _ended(process)]
        self.running.clear()
        for process in late:
            process.kill()
            process.wait(10)
        assert not late, f"gateways did not end\n{self.logs()}"

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.user.glob("*.log")))

    def answered(self, member: str, person: str, count: int = 1) -> list[str]:
        """Wait for the model's answers to a person through a member's account, and return them."""
        account, patience = token(member), 60.0 + 10 * len(self.running)  # the gateways share the CPU cores
        done = self.ilink.wait(lambda: len(self.ilink.answers(account, person)) >= count, patience)
        assert done, f"{member} did not answer {person}: {dict(self.ilink.sent)}\n{self.logs()}"
        return self.ilink.answers(account, person)

    def hermes(self, *words: str, before: Sequence[str] = ()) -> str:
        """Return the output of a `hermes` command; it must succeed. `before`: words before the command."""
        done = subprocess.run(
            [*before, self._python, "-m", "hermes_cli.main", *words], env=self.environment, cwd=self.user,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def idle(self) -> None:
        """Wait until no agent is busy, as busy messages are handled differently."""
        profiles = tuple(self.running) or ("default", *self.members)  # those that run as services
        found = (self.home(profile) / "gateway_state.json" for profile in profiles)
        states = [path for path in found if path.exists()]

        def rests() -> bool:
            for _ in range(10):  # one turn may follow another, and the channel notices the end a little later
                if any(_at_work(state) for state in states):
                    return False
                time.sleep(0.1)
            return True

        eventually(rests, self.logs, patience=60.0 + 10 * len(self.running))

    def holders(self, secret: str, pattern: str = "**/*") -> set[str]:
        """Return the relative paths of all files of the root that contain these bytes."""
        wanted = secret.encode()
        return {
            str(path.relative_to(self.root))
            for path in self.root.glob(pattern)
            if path.is_file() and not path.is_symlink() and wanted in path.read_bytes()
        }


def model_messages(world: AccountsRoot) -> list[tuple[str, str, str]]:
    """Return (account, user, message) of every answer of the model so far."""
    return sorted(
        (account, each.to, match[1])
        for account, sent in world.ilink.sent.items()
        for each in sent
        if (match := re.match(r"heard (\S+)", each.text))
    )


def interrupted(world: AccountsRoot, members: tuple[str, ...], last: str) -> dict[str, list[str]]:
    """Send two messages of each member's friend, the second as a busy message, and return the answered ones.

    Waits for the answer to the `last` message. The result is: account → answered messages.
    """
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-first-{member} take-time")
    done = world.ilink.wait(lambda: sum("take-time" in str(each) for each in world.ilink.asked) >= len(members), 60)
    assert done, world.logs()
    for member in members:
        world.ilink.send(token(member), friend(member), f"say-second-{member}")
    for member in members:
        text = f"heard say-{last}-{member} "
        done = world.ilink.wait(lambda m=member, s=text: s in str(world.ilink.answers(token(m), friend(m))), 60)  # type: ignore[misc]
        assert done, f"{text} was not answered: {dict(world.ilink.sent)}\n{world.logs()}"
    world.idle()
    return {account: [word for one, _, word in model_messages(world) if one == account] for account in world.ilink.sent}


def _at_work(state: Path) -> bool:
    try:
        return bool(json.loads(state.read_bytes())["active_agents"])
    except ValueError:  # being written right now
        return True


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextlib.contextmanager
def running_accounts(name: str, *, hold: float = 1.0) -> Iterator[AccountsRoot]:
    """Yield an AccountsRoot in a home outside /tmp; all gateways are stopped at the end."""
    with far_folder(name) as folder, Ilink(hold=hold) as ilink:
        world = AccountsRoot(folder, ilink)
        try:
            yield world
        finally:
            if sys.exc_info()[0] is not None:
                with contextlib.suppress(AssertionError):
                    world.stop()
            world.stop()
