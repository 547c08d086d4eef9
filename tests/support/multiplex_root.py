"""A fake Hermes with the visible behaviour of a 0.19.0 multiplexer, run by a real supervisord.

The default's gateway, with `multiplex_profiles: true` in its config.yaml, writes the served profiles and holds a lock
for each account; a named profile's gateway then ends with 1. Every gateway holds the lock of its own account.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from command_runner import Done, Runner
from gateway_root import GATEWAY, GatewayRoot
from hermes_release import write_release

# In the root, `leaves-out` names profiles it does not serve, `loses` profiles whose accounts it does not connect; with
# `no-multiplex` it exits with 78, like one that cannot multiplex.
_MULTIPLEXER = r"""
import glob, hashlib
named = os.path.basename(os.path.dirname(home)) == "profiles"
root = os.path.dirname(os.path.dirname(home)) if named else home
def read(path):
    try:
        return open(path).read()
    except OSError:
        return ""
wanted = "multiplex_profiles: true" in read(os.path.join(root, "config.yaml"))
def standalone(home):
    return "standalone: true" in read(os.path.join(home, "config.yaml"))
if named and wanted and not standalone(home):
    try:
        os.kill(json.loads(read(os.path.join(root, "gateway.pid")))["pid"], 0)
        print("The default gateway is running as a profile multiplexer", flush=True)
        sys.exit(1)
    except (ValueError, KeyError, OSError):
        pass
if wanted and not named and os.path.exists(at("no-multiplex")):
    print("Gateway multiplexer config error", flush=True)
    sys.exit(78)
folders = sorted(glob.glob(os.path.join(root, "profiles", "[a-z0-9]*"))) if wanted and not named else []
skipped = read(at("leaves-out")).split()
served = [name for name in map(os.path.basename, folders) if name not in skipped and name != "default"
          and not standalone(os.path.join(root, "profiles", name))]
def hold_locks():
    places = os.path.join(os.environ["HOME"], ".local/state/hermes/gateway-locks")
    os.makedirs(places, exist_ok=True)
    homes = [home] + [os.path.join(root, "profiles", name) for name in served]
    for each in homes:
        lines = [line.partition("=")[2] for line in read(os.path.join(each, ".env")).splitlines()
                 if line.startswith("WEIXIN_TOKEN=")]
        if lines and lines[-1] and os.path.basename(each) not in read(at("loses")).split():
            digest = hashlib.sha256(lines[-1].encode()).hexdigest()[:16]
            path = os.path.join(places, "weixin-bot-token-" + digest + ".lock")
            open(path, "w").write(json.dumps({{**me, "scope": "weixin-bot-token"}}))
    for name in served + (["default"] if served else []):
        os.makedirs(os.path.join(root, "profiles", name, "pairing"), exist_ok=True)
"""
# The file keeps the served profiles of an earlier process.
_STATE = r"""def state(word):
    old = read(at("gateway_state.json"))
    more = {{"served_profiles": ["default"] + served}} if folders else {{}}
    if "served_profiles" in old and not folders:
        more = {{"served_profiles": json.loads(old)["served_profiles"]}}"""
_SCRIPT = (
    GATEWAY.replace('lock = open(at("gateway.lock"), "a+")', _MULTIPLEXER + 'lock = open(at("gateway.lock"), "a+")')
    .replace('"exit_reason": None}})', '"exit_reason": None, **more}})')
    .replace('os.path.exists(at("platforms"))', 'os.path.isfile(at("platforms"))')
    .replace("def state(word):", _STATE)
    .replace('        state("running")', '        hold_locks()\n        state("running")')
)  # fmt: skip


class MultiplexRoot(GatewayRoot):
    """A user with a root, members with WeChat accounts, and the fake multiplexer."""

    def __init__(self, runner: Runner, root: Path | None = None) -> None:
        super().__init__(runner, root)
        self.python.write_text(_SCRIPT.format(python=sys.executable))
        self.profile("default")

    def update_hermes(self, version: tuple[int, int, int] = (0, 22, 2)) -> None:
        """Have the installed Hermes be another release; its gateway stays the fake."""
        write_release(self.python.parent.parent.parent, version)

    def member(self, name: str, *, env: str = "", config: str = "", meta: str = "", team: str = "weixin") -> Path:
        """Create a member of a team with a separate account."""
        return self.make(name, {
            ".env": f"WEIXIN_TOKEN=CANARY-token-{name}\nWEIXIN_ACCOUNT_ID=acc-{name}@im.bot\n{env}",
            "config.yaml": config or "platforms:\n  weixin:\n    enabled: true\n    extra:\n"
            f"      dm_policy: allowlist\n      allow_from: [friend-of-{name}]\n",
            "profile.yaml": f"team:\n  name: {team}\n{meta}",
        })  # fmt: skip

    def mode(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        """Run `hermes-profiles team run-mode`."""
        return self.call("team", "run-mode", *arguments, env=env)

    def moded(self, *arguments: str) -> Any:
        """Run `hermes-profiles team run-mode`; it must succeed. Returns its data."""
        done = self.mode(*arguments, "--json")
        assert done.code == 0, done
        return done.data

    def moded_or_unfinished(self) -> Any:
        """Run `hermes-profiles team run-mode`, also where a switch is unfinished. Returns its data."""
        done = self.mode("--json")
        assert done.code in (0, 3), done
        return done.data

    def states(self) -> dict[str, str]:
        """Return profile → state of its gateway."""
        return {name: row["state"] for name, row in self.rows().items()}

    def kept(self) -> dict[str, bytes]:
        """Return path → content of the files a switch can change, without runtime files."""
        found = {}
        for home in (self.root, *sorted(path for path in (self.root / "profiles").iterdir() if path.name[0] != ".")):
            for name in (".env", "config.yaml", "profile.yaml"):
                if (home / name).is_file():
                    found[str((home / name).relative_to(self.root))] = (home / name).read_bytes()
            for path in sorted((home / "platforms").rglob("*")) + sorted((home / "pairing").rglob("*")):
                found[str(path.relative_to(self.root))] = path.read_bytes() if path.is_file() else b"folder"
            if (home / "pairing").is_dir() and home != self.root:
                found[str((home / "pairing").relative_to(self.root))] = b"folder"
        if (self.root / "profiles/default").exists():
            found["profiles/default"] = b"folder"
        return found

    def services(self) -> dict[str, tuple[bool, bool, bool]]:
        """Return profile → (installed, enabled, running) of its service."""
        rows = self.rows()
        return {
            name: (row["service"]["installed"], row["service"]["enabled"], self.pid(name) is not None)
            for name, row in rows.items()
        }

    def approve(self, name: str, *people: str, folder: str = "platforms/pairing", channel: str = "weixin") -> Path:
        """Record users as approved, like Hermes."""
        path = self.home(name) / folder / f"{channel}-approved.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({who: {"user_name": who, "approved_at": 1.5} for who in people}, indent=2))
        return path


@contextmanager
def updated_team(runner: Runner) -> Iterator[MultiplexRoot]:
    """Yield three profiles with services of their own, written under 0.19.0; then Hermes was updated."""
    world = MultiplexRoot(runner)
    world.member("anna")
    world.member("bob")
    world.gok("install", "--start")
    world.update_hermes()
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"
