"""Generated fleets for the doctor: profiles that share, repeat and point at each other, in awkward spellings."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.doctor.collect import FactCollector
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.registry import CHECKS
from hermes_profiles.doctor.runner import run_checks
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.spec import ServiceSpec

NAMES = ("default", "work", "family", "a", "p-1", "workers")
_CATALOG = load_catalog()
_TOKEN = "7100000{n}:CANARYabcdefghijklmnopqrstuvwxyz{n}"
_ENV = (
    "TELEGRAM_BOT_TOKEN={token}\n",
    'export TELEGRAM_BOT_TOKEN="{token}"\n',
    "TELEGRAM_BOT_TOKEN = '{token}'  # mine\n",
    "TG={token}\nTELEGRAM_BOT_TOKEN=${{TG}}\n",
    "TG_ID=7100000{n}\nTELEGRAM_BOT_TOKEN=${{TG_ID}}:CANARYabcdefghijklmnopqrstuvwxyz{n}\n",
    "TG={token}\n",
    "SLACK_BOT_TOKEN=xoxb-CANARY-{n}\nSLACK_APP_TOKEN=xapp-CANARY-app-{n}\n",
    "SLACK_BOT_TOKEN=xoxb-CANARY-one-bot\nSLACK_APP_TOKEN=xapp-CANARY-app-{n}\n",
    "EMAIL_ADDRESS=Team{n}@Canary.test\nEMAIL_PASSWORD=CANARYmail-pass\nEMAIL_IMAP_HOST=imap.c.test\n"
    "EMAIL_SMTP_HOST=smtp.c.test\n",
    "EMAIL_ADDRESS=team{n}@canary.TEST\nEMAIL_PASSWORD=CANARYmail-pass\nEMAIL_IMAP_HOST=imap.c.test\n"
    "EMAIL_SMTP_HOST=smtp.c.test\n",
    "SIGNAL_HTTP_URL=http://127.0.0.1:8080\nSIGNAL_ACCOUNT=+49 151 1234{n}\n",
    "SIGNAL_HTTP_URL=http://127.0.0.1:8080/\nSIGNAL_ACCOUNT=00491511234{n}\n",
    "MATRIX_HOMESERVER=https://Matrix.test/\nMATRIX_ACCESS_TOKEN=syt_CANARY_{n}\nMATRIX_USER_ID=@bot{n}:matrix.test\n",
    "MATRIX_HOMESERVER=https://matrix.test\nMATRIX_ACCESS_TOKEN=syt_CANARY_{n}\nMATRIX_USER_ID=@bot{n}:matrix.test\n",
    "NTFY_TOPIC=canary-topic-{n}\n",
    "NTFY_TOPIC=canary-topic-{n}\nNTFY_SERVER_URL=https://ntfy.sh\n",
    "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARYapi-0123456789abcdef\n",
    "API_SERVER_ENABLED=true\nAPI_SERVER_KEY=CANARYapi-0123456789abcdef\nAPI_SERVER_PORT=864{n}\n",
    "WEBHOOK_ENABLED=true\nWEBHOOK_SECRET=CANARYhook-0123456789abcdef\nWEBHOOK_PORT=864{n}\n",
    "WHATSAPP_ENABLED=true\n",
    "WEIXIN_ACCOUNT_ID=canary-account\n",
    "WEIXIN_ACCOUNT_ID=canary-account\nWEIXIN_TOKEN=CANARYweixin-{n}-0123456789\n",
    "MY_PAGER_BOT_TOKEN=CANARYpager-{n}-0123456789abcdef\n",
    "PHOTON_PROJECT_ID=CANARYproject{n}\nPHOTON_PROJECT_SECRET=CANARYsecret-0123456789\n",
    "WHATSAPP_SESSION_PATH={other}/whatsapp/session\n",
)  # fmt: skip
_CONFIG = (
    "platforms:\n  telegram:\n    enabled: true\n    token: '{token}'\n",
    'platforms:\n  telegram:\n    enabled: true\n    token: "\\x37100000{n}:CANARYabcdefghijklmnopqrstuvwxyz{n}"\n',
    "platforms:\n  telegram:\n    enabled: true\n    token: ${{TG}}\n",
    "platforms:\n  Telegram-Platform:\n    enabled: false\n",
    "TELEGRAM_BOT_TOKEN: '{token}'\n",
    "platforms:\n  api-server:\n    enabled: true\n    port: 864{n}\n",
    "platforms:\n  api_server:\n    enabled: true\n    extra:\n      port: 0x21C{n}\n      key: CANARYapi-012345678\n",
    "platforms:\n  whatsapp:\n    enabled: true\n    extra:\n      session_path: {other}/whatsapp/session\n",
    "platforms:\n  whatsapp:\n    extra:\n      session_path: ~/.hermes/profiles/work/../a/whatsapp\n",
    "platforms:\n  relay:\n    extra:\n      relay_url: wss://relay.test\n      relay_id: canary-{n}\n",
    "gateway:\n  multiplex_profiles: true\n",
    "_config_version: {n}\n",
    "toolsets: [web\n",
)  # fmt: skip
_FILES: Sequence[tuple[str, object]] = (
    ("cron/jobs.json", {"jobs": [{"id": "job{n}", "enabled": True}]}),
    ("auth.json", {"providers": {"openai-codex": {"tokens": {"refresh_token": "CANARYrefresh-{n}-0123456789"}}}}),
    ("auth.json", {"credential_pool": {"photon_project": [{"project_id": "CANARYproject{n}", "project_secret": "s"}]}}),
    ("mcp-tokens/a.json", {"refresh_token": "CANARYrefresh-{n}-0123456789"}),
    ("whatsapp/session/creds.json", {"me": {"id": "49151{n}:1@s.whatsapp.net"}}),
    ("weixin/accounts/canary-account.json", {"token": "CANARYweixin-{n}-0123456789"}),
    ("gateway.json", {"platforms": {"telegram": {"token": "7100000{n}:CANARYabcdefghijklmnopqrstuvwxyz{n}"}}}),
    ("gateway.pid", {"pid": 4190001, "kind": "hermes-gateway", "start_time": 1}),
    (".hermes/config.yaml", "model: {{}}\n"),
    (".env.bak", "TELEGRAM_BOT_TOKEN={token}\n"),
    ("profile.yaml", "disabled: true\n"),
    ("profile.yaml", "teams:\n  crew{n}:\n    channel: weixin\n"),
    ("profile.yaml", "team:\n  name: crew{n}\n"),
    ("kanban.db", "no database"),
)  # fmt: skip
_LINKS = ("whatsapp", "weixin/accounts", ".env", "auth.json", "pairing")


@st.composite
def fleets(draw: st.DrawFn) -> list[tuple[str, dict[str, bytes], list[tuple[str, str]]]]:
    """Return (name, file → content, [(link, profile that it leads to)]) of two to six profiles."""
    names = NAMES[: draw(st.integers(2, 6))]
    number, some = st.integers(2, 3), st.lists
    fleet = []
    for name in names:
        other = draw(st.sampled_from(names))

        def filled(text: str, other: str = other) -> str:
            n = draw(number)
            folder = "/U/.hermes" if other == "default" else f"/U/.hermes/profiles/{other}"
            return text.format(n=n, token=_TOKEN.format(n=n), other=folder)

        env = "".join(filled(part) for part in draw(some(st.sampled_from(_ENV), max_size=3)))
        encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16")))
        files = {
            ".env": env.encode(encoding),
            "config.yaml": filled(draw(st.sampled_from(("", *_CONFIG)))).encode(),
        }
        for path, content in draw(some(st.sampled_from(_FILES), max_size=2)):
            text = content if isinstance(content, str) else json.dumps(content).replace("{", "{{").replace("}", "}}")
            text = text.replace("{{n}}", "{n}")
            files[path] = filled(text).encode()
        links = [(link, other) for link in draw(some(st.sampled_from(_LINKS), max_size=1)) if link not in files]
        fleet.append((name, files, links if other != name else []))
    return fleet


class DoctorFleet:
    """A fleet in a folder of its own."""

    def __init__(self, user: Path, fleet: Sequence[tuple[str, dict[str, bytes], list[tuple[str, str]]]]) -> None:
        self.layout = Layout(user / ".hermes", user)
        self.names = tuple(name for name, _, _ in fleet)
        for name, files, links in fleet:
            home = self.layout.home(name)
            for path, content in files.items():
                place = home / path
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                place.write_bytes(content.replace(b"/U/", f"{user}/".encode()))
                place.chmod(0o600)
            for link, other in links:
                if os.path.lexists(home / link):
                    continue
                (home / link).parent.mkdir(exist_ok=True)
                (home / link).symlink_to(self.layout.home(other) / link)

    def findings(self, named: Sequence[str] | None) -> list[dict[str, Any]]:
        """Return the findings about these profiles, None for all."""
        seen = SystemContext(self.layout)

        def no_spec(profile: str) -> ServiceSpec:
            raise NotFound("no Hermes here", target=profile)

        context = DoctorContext(
            self.layout, _CATALOG, {"PATH": "/usr/bin:/bin", "HOME": str(self.layout.user_home)}, self.layout.user_home,
            os.getuid(), time.time(), seen, lambda names, known: survey(seen, names, known), (), [], no_spec,
        )  # fmt: skip
        facts = FactCollector(context, named).facts()
        return [row.as_data() for row in run_checks(facts, CHECKS, key=b"k" * 32, profiles=named, debug=True)]
