"""A root of twenty profiles with forty faults, and the exact findings expected."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from command_runner import Runner
from doctor_root import DoctorRoot

NAMES = tuple(f"p{number:02}" for number in range(1, 20))
# A pid that no system assigns.
NOBODY = 4_190_001
Expected = tuple[str, tuple[str, ...]]


def token(letter: str) -> str:
    """Return a fake Telegram token of valid form."""
    return f"71{ord(letter):08d}:CANARY{letter * 29}"


class SeededRoot(DoctorRoot):
    """Twenty profiles: `default` and p01 … p19. `expected`: check and profiles of every planted fault."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        for name in ("work", "family"):
            for path in self.home(name).iterdir():
                path.unlink()
            self.home(name).rmdir()
        for number, name in enumerate(NAMES):
            self.profile(
                name,
                f"DISCORD_BOT_TOKEN=CANARYdiscord{number:02}.CANARY.{name * 8}\n"
                f"API_SERVER_ENABLED=true\nAPI_SERVER_PORT={21000 + number}\n"
                f"API_SERVER_KEY=CANARYapi-{name}-0123456789abcdef\n",
            )
        self.expected: list[Expected] = []

    def faults(self) -> list[Expected]:
        """Create all faults and return the expected findings."""
        for plant in (self._conflicts, self._security, self._files, self._services, self._runtime):
            plant()
        return sorted(self.expected)

    def _expect(self, check: str, *profiles: str) -> None:
        self.expected.append((check, tuple(sorted(profiles))))

    def _conflicts(self) -> None:
        for name in ("p01", "p02"):
            self.add(name, ".env", f"TELEGRAM_BOT_TOKEN={token('A')}\n")
        self._expect("conflicts.shared-identity", "p01", "p02")

        self.add("p03", ".env", "SLACK_BOT_TOKEN=xoxb-CANARY-3\nSLACK_APP_TOKEN=xapp-CANARY-shared-app-token\n")
        slack = "platforms:\n  slack:\n    enabled: true\n    token: xoxb-CANARY-4\n    extra:\n"
        self.add("p04", "config.yaml", slack + "      app_token: xapp-CANARY-shared-app-token\n")
        self._expect("conflicts.shared-identity", "p03", "p04")

        for name, address in (("p05", "Team@Canary.test"), ("p06", "team@canary.test")):
            mail = f"EMAIL_ADDRESS={address}\nEMAIL_PASSWORD=CANARYmail-{name}-pass\n"
            self.add(name, ".env", mail + "EMAIL_IMAP_HOST=imap.canary.test\nEMAIL_SMTP_HOST=smtp.canary.test\n")
        self._expect("conflicts.shared-identity", "p05", "p06")

        self.write("p07", ".op.env", f"TELEGRAM_BOT_TOKEN={token('B')}\n", mode=0o600)
        self.add("p08", "config.yaml", f"TELEGRAM_BOT_TOKEN: '{token('B')}'\n")
        self._expect("conflicts.shared-identity", "p07", "p08")

        self._set("p10", "API_SERVER_PORT", "21000")  # the port of p01
        self._expect("conflicts.shared-port", "p01", "p10")

        self.add(
            "p11", ".env", "WEBHOOK_ENABLED=true\nWEBHOOK_SECRET=CANARYhook-0123456789abcdef\nWEBHOOK_PORT=21010\n"
        )
        self._expect("conflicts.port-twice", "p11")

        login = {"providers": {"openai-codex": {"tokens": {"refresh_token": "CANARYrefresh-0123456789"}}}}
        for name in ("p12", "p13"):
            self.write(name, "auth.json", json.dumps(login), mode=0o600)
        self._expect("conflicts.shared-login", "p12", "p13")

        job = {"jobs": [{"id": "a1b2c3d4e5f6", "name": "news", "enabled": True, "prompt": "x", "schedule": {}}]}
        for name in ("p14", "p15"):
            self.write(name, "cron/jobs.json", json.dumps(job), mode=0o600)
        self._expect("conflicts.cron-twice", "p14", "p15")

        (self.home("p16") / "whatsapp").symlink_to(self.home("p17") / "whatsapp")
        (self.home("p17") / "whatsapp").mkdir(mode=0o700)
        self._expect("conflicts.foreign-session", "p16", "p17")

        for name in ("p18", "p19"):
            slack = f"SLACK_BOT_TOKEN=xoxb-CANARY-one-bot\nSLACK_APP_TOKEN=xapp-CANARY-app-of-{name}\n"
            self.add(name, ".env", slack)
        self._expect("conflicts.copied-credential", "p18", "p19")

        self.add("p17", ".env", "WEIXIN_ACCOUNT_ID=canary-account\nWEIXIN_TOKEN=CANARYweixin-0123456789\n")
        self.add("p18", ".env", "WEIXIN_ACCOUNT_ID=canary-account\n")
        stored = json.dumps({"token": "CANARYweixin-0123456789"})
        self.write("p18", "weixin/accounts/canary-account.json", stored, mode=0o600)
        self._expect("conflicts.shared-identity", "p17", "p18")

    def _set(self, name: str, variable: str, value: str) -> None:
        path = self.home(name) / ".env"
        lines = [
            f"{variable}={value}" if line.startswith(f"{variable}=") else line for line in path.read_text().splitlines()
        ]
        path.write_text("\n".join(lines) + "\n")

    def _security(self) -> None:
        (self.home("p01") / ".env").chmod(0o644)
        self._expect("security.readable-secret", "p01")
        self.write("p02", ".env.bak", f"TELEGRAM_BOT_TOKEN={token('A')}\n", mode=0o600)
        self._expect("security.stray-copy", "p02")
        self.add("p03", ".env", "API_SERVER_HOST=0.0.0.0\n")
        self._set("p03", "API_SERVER_KEY", "CANARYkey")
        self._expect("security.weak-key", "p03")
        self.add("p04", ".env", "GATEWAY_ALLOW_ALL_USERS=true\n")
        self._expect("security.allow-all", "p04")
        if os.getuid() == 0:
            os.chown(self.home("p05") / "SOUL.md", 65534, 65534)
            self._expect("security.foreign-owner", "p05")
        self._set("p13", "API_SERVER_KEY", "")
        self.add("p13", ".env", "API_SERVER_HOST=0.0.0.0\n")
        self._expect("security.open-api", "p13")
        script = self.user / ".local/bin/p06"
        script.parent.mkdir(parents=True)
        script.write_text('#!/bin/sh\nexport MATRIX_ACCESS_TOKEN=syt_CANARYmatrix\nexec hermes -p p06 "$@"\n')
        script.chmod(0o755)
        self._expect("security.secret-in-unit", "p06")

    def _files(self) -> None:
        self.add("p06", ".env", "export\tMATTERMOST_TOKEN=CANARYmattermost\n")
        self._expect("files.readers-disagree", "p06")
        self.add("p07", ".env", "TAVILY_API_KEY=CANARYtavily1EXA_API_KEY=CANARYexa\n")
        self._expect("files.joined-keys", "p07")
        self.add("p09", "config.yaml", "toolsets: [web\n")
        self._expect("files.broken", "p09")
        os.mkfifo(self.home("p10") / "profile.yaml")
        self._expect("files.unreadable", "p10")
        self.add("p12", ".env", "TELEGRAM_BOT_TOKEN=your_telegram_bot_token\n")
        self._expect("files.placeholder", "p12")
        self.add("p14", "config.yaml", "platforms:\n  api_server:\n    port: 9999\n")
        self._expect("files.ignored-port", "p14")
        (self.home("p15") / ".env").unlink()
        self._expect("files.no-env", "p15")
        self._folder("Shop")
        self._expect("files.bad-folder")
        self._folder("default")
        self._expect("files.real-default")
        (self.root / "active_profile").write_text("gone\n")
        self._expect("files.sticky-gone")
        alias = self.user / ".local/bin/oldone"
        alias.write_text('#!/bin/sh\nexec hermes -p oldone "$@"\n')
        alias.chmod(0o755)
        self._expect("files.orphan-alias")
        self.add("p17", "config.yaml", "platforms:\n  discord:\n    enabled: false\n")
        self._expect("files.contradiction", "p17")
        legacy = {"platforms": {"telegram": {"enabled": True}}}
        self.write("p18", "gateway.json", json.dumps(legacy), mode=0o600)
        self.add("p18", "config.yaml", "platforms:\n  telegram:\n    enabled: false\n")
        self._expect("files.legacy-differs", "p18")
        self.add("p19", ".env", "MY_PAGER_BOT_TOKEN=CANARYpager-0123456789abcdef\n")
        self._expect("files.unknown-secret", "p19")
        self._folder(".p20.staging-4190001")
        os.utime(self.root / "profiles" / ".p20.staging-4190001", (1_700_000_000, 1_700_000_000))
        self._expect("files.leftover-staging")

    def _folder(self, name: str) -> None:
        home = self.root / "profiles" / name
        home.mkdir(mode=0o700)
        (home / "SOUL.md").write_text("You are helpful.\n")
        (home / ".env").touch(mode=0o600)

    def _services(self) -> None:
        units = self.user / ".config/systemd/user"
        units.mkdir(parents=True)
        gone = self.root / "profiles" / "ghost"
        (units / "hermes-gateway-ghost.service").write_text(
            "[Service]\nExecStart=/usr/bin/python3 -m hermes_cli.main --profile ghost gateway run\n"
            f'WorkingDirectory={gone}\nEnvironment="HERMES_HOME={gone}"\n'
        )
        self._expect("services.orphan", "ghost")

    def _runtime(self) -> None:
        home = self.home("p16")
        (home / "gateway.pid").write_text(json.dumps({"pid": NOBODY, "kind": "hermes-gateway", "start_time": 1}))
        self._expect("runtime.stale-pid", "p16")
        (home / ".drain_request.json").write_text("{}")
        old = time.time() - 86400
        os.utime(home / ".drain_request.json", (old, old))
        self._expect("runtime.stale-marker", "p16")
        (self.home("p19") / "gateway.pid").write_text("{half")
        self._expect("runtime.bad-pid-file", "p19")
        starts = "".join(f"{time.time() - ago}\n" for ago in (90, 70, 50, 40, 30, 20, 10))
        (self.home("p13") / "gateway-starts.log").write_text(starts)
        self._expect("runtime.start-storm", "p13")
        self._logs(self.home("p17") / "logs")
        self._expect("runtime.logs", "p17")
        (self.home("p18") / "state.db").write_bytes(self._database()[:-1000] + b"\xff" * 1000)
        (self.home("p18") / "state.db").chmod(0o600)
        self._expect("runtime.database", "p18")

        with closing(sqlite3.connect(self.home("p14") / "response_store.db")) as store:
            store.execute("create table responses (response_id text primary key, data text, accessed_at real)")
            store.execute("insert into responses values ('one', 'CANARY half a json {', 1.0)")
            store.commit()
        (self.home("p14") / "response_store.db").chmod(0o600)
        self._expect("runtime.database-rows", "p14")

    def _logs(self, folder: Path) -> None:
        folder.mkdir()
        with (folder / "gateway.log").open("wb") as file:
            file.truncate(1024**3)

    def _database(self) -> bytes:
        path = self.user / "tmp" / "state.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("create table messages (id integer primary key, text text)")
            database.executemany("insert into messages (text) values (?)", [("x" * 500,)] * 200)
            database.commit()
        return path.read_bytes()
