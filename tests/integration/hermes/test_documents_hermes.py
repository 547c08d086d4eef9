"""The document readers compared with the readers of real Hermes 0.19.0 on samples."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import subprocess
from typing import Any

import pytest
from command_runner import REPOSITORY
from env_samples import READ
from nightly import NIGHTLY
from real_hermes import hermes_python

from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.fast_reader import read_simple_sections
from hermes_profiles.model.errors import DocumentError

ENV_SAMPLES = [
    *((text + end).encode() for text, *_ in READ for end in ("\n", "\r\n", "")),
    b"\xef\xbb\xbfKEY=CANARY\nOTHER=2\n",
    "KEY=CANARY\nOTHER=2\n".encode("utf-16"),
    b"\xfe\xff" + "KEY=CANARY\n".encode("utf-16-be"),
    "KEY=CANARY\n".encode("utf-16-le"),
    b"KEY=CANARY\xe9x\nOTHER=2\n",
    b"TELEGRAM_BOT_TOKEN=CANARY1SLACK_BOT_TOKEN=CANARY2\n",
    b"GLM_API_KEY=CANARY\nOPENAI_BASE_URL=https://h/?OPENAI_API_KEY=x\n",
    b" TELEGRAM_BOT_TOKEN=CANARY1SLACK_BOT_TOKEN=CANARY2 \r\nA=1\r\n",
    b'A="x\n  y\nSLACK_BOT_TOKEN=CANARY\n"\nB=1\n',
    b"A=1\rB=2\rC=3",
    b"A='it\\'s'\nB=\"a\\nb\"\nC='a\\\\b'\n",
    b"A=${B}\nB=x\nC=${B}${D:-e}\nB\n",
]
PIECES = [
    "A",
    "b",
    "token",
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    ", ",
    " #",
    "#",
    "&x ",
    "*x",
    "<<: ",
    "|\n",
    ">-\n",
    "yes",
    "012",
    "0o7",
    "1:30",
    "1e3",
    "1.5",
    "~",
    "\t",
    "!!str ",
    "!x ",
    "? ",
    "é",
    "\u2028",
    "\x85",
    "\r\n",
    "---\n",
    "%",
    "@",
    "`",
    "\\",
    "-",
    ".inf",
    "_1",
    "0b1",
    "=",
    "a: 1\n",
    "b: x y\n",
]


def yaml_samples() -> list[bytes]:
    """Return hand-picked and random texts; random ones are constant except in a nightly run."""
    source = random.Random(None if NIGHTLY else 19)
    count = 20000 if NIGHTLY else 3000
    texts = [
        "",
        "# c\n",
        "a: 1\n---\nb: 2\n",
        "- a\n",
        "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n",
        "a: 1\na: 2\n",
        "\ufeffa: 1\n",
        "a: &x {p: 1}\nb: &y {p: 2, q: 3}\nc: {<<: [*x, *y]}\nd:\n  <<: *x\n",
        "a: 1:30\nb: 012\nc: 0o7\nd: 1e3\ne: 1_0\nf: .5\n",
        "yes: no\non: off\n1: 2\n",
        "a: !!int '7'\n",
    ]
    for _ in range(count):
        texts.append("".join(source.choice(PIECES) for _ in range(source.randint(1, 9))))
        texts.append("a: " + "".join(source.choice(PIECES) for _ in range(source.randint(1, 6))) + "\nb: 1\n")
    return [text.encode() for text in texts]


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    return yaml_samples()


@pytest.fixture(scope="module")
def verdict(samples: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    python = hermes_python()
    task = {
        "env": [base64.b64encode(one).decode() for one in ENV_SAMPLES],
        "yaml": [base64.b64encode(one).decode() for one in samples],
    }
    home = tmp_path_factory.mktemp("judge")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "HERMES_DISABLE_LAZY_INSTALLS": "1"}
    script = REPOSITORY / "tests" / "support" / "hermes_readers.py"
    done = subprocess.run(
        [python, str(script)], input=json.dumps(task), capture_output=True, text=True, env=env, check=True
    )
    return dict(json.loads(done.stdout))


@pytest.mark.judge
@pytest.mark.parametrize("number", range(len(ENV_SAMPLES)))
def test_readers_agree_with_hermes_readers(verdict: dict[str, Any], number: int) -> None:
    raw = ENV_SAMPLES[number]
    document = EnvDocument.parse(raw, known_keys=frozenset(verdict["known"]))
    odd = document.encoding != "utf-8" or document.has_nuls
    entries = [entry for entry in document.entries if not entry.commented]
    for reader, seen in zip(("dotenv", "lines", "splitlines"), verdict["env"][number], strict=True):
        for name, value in seen.items():
            if re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) is None:
                continue  # `'KEY'`, `export<TAB>KEY`: no variable has such a name
            mine = [entry for entry in entries if entry.name == name]
            assert mine, (reader, name)
            assert not value or value in [v for entry in mine for v in entry.values], (reader, name, value)
            assert odd or any(reader in entry.readers for entry in mine), (reader, name)
        if not odd:
            # B_TOKEN splits lines in our table only; a later bare `B` withdraws the B before it.
            apart = {"B_TOKEN"} | {e.name for e in entries if e.name not in document.environment()}
            assert {e.name for e in entries if reader in e.readers} <= set(seen) | apart
    if not odd:
        assert document.environment() == verdict["env"][number][0] | {
            k: v for k, v in document.environment().items() if v == "" and k not in verdict["env"][number][0]
        }
        assert document.line_environment() == verdict["env"][number][1]


@pytest.mark.judge
def test_yaml_reader_reads_like_hermes_or_refuses(verdict: dict[str, Any], samples: list[bytes]) -> None:
    wrong = []
    both = 0
    for raw, judged in zip(samples, verdict["yaml"], strict=True):
        try:
            mine = plain(YamlDocument.parse(raw).data())
        except DocumentError:
            continue
        if judged is None:
            continue  # Hermes reads nothing; reading more is safe
        both += 1
        theirs = judged[0]
        if mine != theirs and not dated(theirs):
            wrong.append((raw, mine, theirs))
    assert both > 200
    assert not wrong, f"{len(wrong)}: {wrong[:8]}"


@pytest.mark.judge
def test_quick_yaml_reader_reads_like_hermes_or_declines(verdict: dict[str, Any], samples: list[bytes]) -> None:
    for raw, judged in zip(samples, verdict["yaml"], strict=True):
        glanced = read_simple_sections(raw, {"a", "b", "A", "token"})
        if glanced is None or judged is None or not isinstance(judged[0], dict):
            continue
        theirs = {k: v for k, v in judged[0]["map"] if k in ("a", "b", "A", "token")}
        assert {k: plain(v) for k, v in glanced.items()} == theirs, raw


def dated(value: Any) -> bool:
    return "a date" in json.dumps(value)


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {"map": [[plain(k), plain(v)] for k, v in value.items()]}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value if isinstance(value, str) else repr(value)
