"""Generated homes full of credentials: shapes × places × spellings × references, with models that must keep working."""

from __future__ import annotations

import base64
import json
import random
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from shape_samples import CERTAIN, LIKELY

_PEM = "\nMIIBCANARYabcdefghijklmnopqrstuvwxyz0123456789\n"
MODEL_KEYS = {
    "OPENAI_API_KEY": "sk-proj-MODEL0abcdefghijklmnopqrstuv",
    "OPENROUTER_API_KEY": "sk-or-v1-MODEL0abcdefghijklmnop",
    "ANTHROPIC_API_KEY": "sk-ant-MODEL0abcdefghijklmnopqrst",
    "OPENAI_BASE_URL": "http://10.0.0.5:8000/v1",
    "FIRECRAWL_API_KEY": "fc-0123456789abcdef0123456789abcdef",
    "GITHUB_TOKEN": "ghp_MODEL0abcdefghijklmnopqrstuvwxyz0123",
}
MODEL = {
    "model": {"default": "local/qwen3", "base_url": "http://10.0.0.5:8000/v1", "api_key": "MODEL-12345678:notAbot"},
    "providers": {"own": {"base_url": "https://llm.canary.org/hooks", "api_key": "MODEL0abcdefghijklmnop"}},
    "auxiliary": {"vision": {"model": "x/y", "api_key": "sk-MODEL0abcdefghijklmnop"}},
}
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "percent": lambda value: quote(value, safe=""),
    "percent, twice": lambda value: quote(quote(value, safe=""), safe=""),
    "percent, all": lambda value: "".join(f"%{ord(char):02X}" for char in value),
    "HTML": lambda value: "".join(f"&#{ord(char)};" for char in value),
    "HTML, some": lambda value: value.replace(":", "&#58;").replace("-", "&#45;"),
    "Markdown": lambda value: "".join("\\" + char if char in "-_:.*" else char for char in value),
    "x": lambda value: "".join(f"\\x{ord(char):02x}" for char in value),
    "u": lambda value: "".join(f"\\u{ord(char):04x}" for char in value),
    "json": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "joined": lambda value: f'{value[:11]}" + "{value[11:]}',
    "no width": lambda value: value[:11] + "\u200b" + value[11:],
    "base64": lambda value: base64.b64encode(f"k:{value}".encode()).decode(),
    "base64 lines": lambda value: "\n".join(
        textwrap.wrap(base64.b64encode(f"{'kx' * 30} {value} {'yz' * 20}".encode()).decode(), 64)
    ),
}
# Encoding → how a file is written; the last ones are for files that Hermes does not read.
ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "BOM": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16 LE": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "no newline at the end": lambda text: text.removesuffix("\n").encode(),
    "Latin-1": lambda text: b"caf\xe9\n" + text.encode("latin-1", "replace"),
    "CR": lambda text: text.replace("\n", "\r").encode(),
}
_OF_ENV, _OF_CONFIG = [*ENCODINGS][:-2], ["UTF-8", "CRLF", "no newline at the end"]
# Path → the ways a text stands in that file. The first line is fixed.
PLACES: Mapping[str, tuple[str, ...]] = {
    ".env": ("# old: {}\n", "#{}\n", "OLD_{n}='{}'\n", "export MINE_{n}={}\n", "W_{n}={}\n", "# O_{n}={} words\n"),
    "config.yaml": ("# was {}\n", "#    token: '{}'\n"),
    "SOUL.md": ("You are {}.\n", "- {}\n"),
    "memories/MEMORY.md": ("- the bot is {}\n", "> {}\n"),
    "memories/USER.md": ("{}\n",),
    "skills/a/SKILL.md": ("curl -d x '{}'\n", "| bot | `{}` |\n", "[bot]({})\n"),
    "skills/a/.env": ("ANY_{n}={}\n", "# {}\n"),
    "skills/a/.env.bak": ("ANY_{n}={}\n",),
    "skills/a/.envrc": ("export ANY_{n}={}\n",),
    "skills/a/run.py": ('T = "{}"\n', "# {}\n"),
    "scripts/run.sh": ("T={} go\n", "export A=1 T_{n}={}\n"),
    "scripts/run.fish": ("set -x T_{n} {}\n",),
    "scripts/run.ps1": ('$env:T_{n} = "{}"\n',),
    "hooks/h/handler.py": ('T = "{}"\n',),
    "plugins/p/settings.txt": ("token: {}\n",),
    "plugins/p/notes.html": ("<p>{}</p>\n",),
}  # fmt: skip


@dataclass
class PlantedHome:
    """A home and what was planted in it: (path, the text as it stands there, kind, certain)."""

    files: dict[str, str] = field(default_factory=dict)
    planted: list[tuple[str, str, str, bool]] = field(default_factory=list)
    spelled: list[str] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)

    def contents(self) -> dict[str, bytes]:
        """Return the files as bytes, each in its encoding."""
        return {path: ENCODINGS[self.encodings[path]](text) for path, text in self.files.items()}


def text_of(data: bytes) -> str:
    """Return the text of a file in any of these encodings, with `\\n` at the end of each line."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def planted_home(seed: int) -> PlantedHome:
    """Return the home of a seed; the same one at each call."""
    chance = random.Random(seed)
    made = PlantedHome()
    files = made.files
    env = [f"{name}={value}" for name, value in MODEL_KEYS.items() if chance.random() < 0.7]
    bot = f"{chance.randint(10**7, 10**10 - 1)}:AA" + "".join(chance.choices("CANARYbcdefgh_-0123456789", k=33))
    half = bot.partition(":")[2]
    reference = chance.choice(("plain", "one", "two", "config"))
    if reference == "plain":
        env.append(f"TELEGRAM_BOT_TOKEN={bot}")
    elif reference == "one":
        env += [f"MY_HALF={half}", f"TELEGRAM_BOT_TOKEN={bot.partition(':')[0]}:${{MY_HALF}}"]
    elif reference == "two":
        env += [f"MY_HALF={half}", "MY_OTHER=${MY_HALF}", f"TELEGRAM_BOT_TOKEN={bot.partition(':')[0]}:${{MY_OTHER}}"]
    else:
        env.append(f"MYBOT={bot}")
    config = "".join(f"{name}: {json.dumps(value)}\n" for name, value in MODEL.items())
    config += "TELEGRAM_BOT_TOKEN: ${MYBOT}\n" if reference == "config" else ""
    chance.shuffle(env)
    files[".env"], files["config.yaml"] = "\n".join(env) + "\n", config
    for number in range(chance.randint(1, 6)):
        kind, value, certain = _credential(chance, bot)
        path = chance.choice([*PLACES])
        name = "plain" if kind == "private key" or path in (".env", "config.yaml") else chance.choice([*SPELLINGS])
        if kind not in ("Telegram bot token", "Slack token") and " like " in kind:
            name = "plain"  # found by the words around it
        text = SPELLINGS[name](value)
        way = chance.choice(PLACES[path]).replace("{n}", str(number))
        shown = f"{text}{_PEM}" if kind == "private key" else text
        if kind == "private key" and path in (".env", "config.yaml"):
            continue
        files[path] = files.get(path, "Text\n" if path.endswith(".md") else "# text\n") + way.replace("{}", shown)
        made.planted.append((path, text, kind, certain))
        made.spelled.append(name)
    allowed = {".env": _OF_ENV, "config.yaml": _OF_CONFIG}
    made.encodings = {path: chance.choice(allowed.get(path, [*ENCODINGS])) for path in files}
    for path, text in files.items():
        # A zero-width space is no character of Latin-1.
        if made.encodings[path] == "Latin-1" and not text.isascii():
            made.encodings[path] = "UTF-8"
    return made


def _credential(chance: random.Random, bot: str) -> tuple[str, str, bool]:
    if chance.random() < 0.2:
        return "the active bot", bot, True
    certain = chance.random() < 0.75
    kind, value = chance.choice(CERTAIN if certain else LIKELY)
    if kind in ("Telegram bot token", "Slack token", "Discord bot token", "WeChat iLink token"):
        value = value.replace("CANARY", "".join(chance.choices("ABCDEFGHJKLM", k=6)))
    return kind, value, certain
