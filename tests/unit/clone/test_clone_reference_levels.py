"""Identities behind references over several levels and files, the process environment and the managed directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clone_source import clone, leaks, make_layout, write_files

NUMBER, HALF = "8812345678", "AAF-CANARY-TelegramTokenAbCdEf123"
TOKEN = f"{NUMBER}:{HALF}"
KEPT = "OPENAI_API_KEY=sk-keepkeepkeepkeep\n"
MODEL = "model:\n  default: x\n"
BLOCK = "platforms:\n  telegram:\n    enabled: true\n    token: {}\n"
PASTED = {"SOUL.md": f"once {TOKEN}, or {HALF}\n"}
# Files of the home; those of a managed directory begin with `managed/`, and `environ` is that of the process.
CASES: dict[str, dict[str, str]] = {
    "three levels": {".env": f"A={HALF}\nB=${{A}}\nC={NUMBER}:${{B}}\nTELEGRAM_BOT_TOKEN=${{C}}\n"},
    ".env, .op.env, .env": {".env": f"X={HALF}\nTELEGRAM_BOT_TOKEN=${{Y}}\n", ".op.env": f"Y={NUMBER}:${{X}}\n"},
    "config.yaml, .op.env, .env": {
        ".env": f"X={HALF}\n",
        ".op.env": f"Y={NUMBER}:${{X}}\n",
        "config.yaml": f"{MODEL}TELEGRAM_BOT_TOKEN: ${{Y}}\n",
    },
    "scalar of config.yaml behind a scalar": {
        ".env": f"X={HALF}\n",
        "config.yaml": f'{MODEL}MINE: "{NUMBER}:${{X}}"\nTELEGRAM_BOT_TOKEN: ${{MINE}}\n',
    },
    "scalar of config.yaml behind a block": {"config.yaml": f'{MODEL}MINE: "{TOKEN}"\n' + BLOCK.format("${MINE}")},
    "default in .env": {".env": f"TELEGRAM_BOT_TOKEN=${{NONE:-{TOKEN}}}\n"},
    "default in config.yaml": {"config.yaml": MODEL + BLOCK.format(f'"${{NONE:-{TOKEN}}}"')},
    "cycle": {".env": f"A=${{B}}\nB=${{A}}{TOKEN}\nTELEGRAM_BOT_TOKEN=${{B}}\n"},
    "gateway.json": {
        ".env": f"A={HALF}\nB={NUMBER}:${{A}}\n",
        "gateway.json": json.dumps({"platforms": {"telegram": {"enabled": True, "token": "${B}"}}}),
    },
    "secret of another class": {".env": f"X={HALF}\n", ".op.env": "SLACK_SIGNING_SECRET=${X}\n"},
    "parts in the process": {
        ".env": "TELEGRAM_BOT_TOKEN=${PART}:${OTHER}\n",
        "environ": json.dumps({"PART": NUMBER, "OTHER": HALF}),
    },
    "process behind a block": {
        "config.yaml": MODEL + BLOCK.format("${P}"),
        "environ": json.dumps({"P": TOKEN, "Q": HALF}),
    },
    "process alone": {"environ": json.dumps({"TELEGRAM_BOT_TOKEN": TOKEN})},
    "managed alone": {"managed/.env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"},
    "managed variable": {".env": "TELEGRAM_BOT_TOKEN=${M}\n", "managed/.env": f"M={TOKEN}\n"},
    "managed reference": {".env": f"M={HALF}\n", "managed/.env": f"TELEGRAM_BOT_TOKEN={NUMBER}:${{M}}\n"},
    "managed block": {".env": f"M={TOKEN}\n", "managed/config.yaml": BLOCK.format("${M}")},
}


@pytest.mark.parametrize("case", CASES)
def test_token_behind_references_stays_behind(tmp_path: Path, case: str):
    files = {**PASTED, "config.yaml": MODEL, **CASES[case]}
    environment = {str(key): str(value) for key, value in json.loads(files.pop("environ", "{}")).items()}
    managed = {name.partition("/")[2]: files.pop(name) for name in list(files) if name.startswith("managed/")}
    if managed:
        write_files(tmp_path / "managed", managed)
        environment["HERMES_MANAGED_DIR"] = str(tmp_path / "managed")
    files[".env"] = KEPT + files.get(".env", "")
    done = clone(make_layout(tmp_path, files), environment=environment)
    assert leaks(done.home, [TOKEN]) == []
    if HALF in "".join(part for part in (files[".env"], files.get(".op.env", "")) if TOKEN not in part):
        assert leaks(done.home, [HALF]) == []
    assert done.text(".env").startswith(KEPT) and MODEL in done.text("config.yaml")


def test_path_of_the_environment_is_no_part_of_a_credential(tmp_path: Path):
    files = {".env": "TELEGRAM_BOT_TOKEN=${HOME}\nNOTES=/home/ada/notes\n", "SOUL.md": "work in /home/ada/x\n"}
    done = clone(make_layout(tmp_path, files), environment={"HOME": "/home/ada"})
    assert done.text(".env") == "NOTES=/home/ada/notes\n" and done.text("SOUL.md") == files["SOUL.md"]


@pytest.mark.parametrize(
    ("own", "op"),
    [
        (f"HASS_TOKEN=${{HA}}\nHA={HALF}\n", ""),
        ("HASS_TOKEN=${HA}\n", f"HA={HALF}\n"),
        (f"HA={HALF}\n", "HASS_TOKEN=${HA}\n"),
        ("HASS_TOKEN=${HA}\n", ""),
    ],
)
def test_channel_on_a_tool_key_that_refers_to_a_later_value_stays_off(tmp_path: Path, own: str, op: str):
    # Hermes 0.19.0 loads the files twice: the reference finds its value at the second time.
    layout = make_layout(tmp_path, {".env": KEPT + own, "config.yaml": MODEL, **({".op.env": op} if op else {})})
    done = clone(layout, environment={} if HALF in own + op else {"HA": HALF})
    assert leaks(done.home, [HALF]) == [] and "HASS_TOKEN=${" not in done.text(".env")
    assert done.text(".env").startswith(KEPT)
