"""Random `.env` files in mixed encodings, their clones, and Hermes' own loader as a long-lived process."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import SourceDocuments, classify
from hermes_profiles.credentials.edits import env_edits
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rewrite import rewrite_env
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.model.errors import DocumentError

_NAMES = ("TELEGRAM_BOT_TOKEN", "SLACK_BOT_TOKEN", "DISCORD_BOT_TOKEN", "OPENAI_API_KEY", "NAS_HOST", "X", "B_KEY")
_VALUES = (
    "CANARY-0123456789", "x", "", "'CANARY a'", '"CANARY b"', "a # b", "${NAS_HOST}", "${X:-d}", '"a\nb"', "a\u2028b",
    "gr\u00fc\u00df", "\u4f60\u597d", "a\\", '"a\\"b"', "'", "a=b", "a\x0bb", "  y  ", "`z`", "#q",
    "a'b", "'a\\'b'", '"\\n"',
)  # fmt: skip
_BLANKS = (
    "", "", "", "", " ", "\t", "\u3000", "\u2028", "\u00a0", "\x85", "\x0b", "\x0c", "\ufeff", "\u200b", "\x1c", "\x00",
    "export ", "export\t", "\u2003", "export\u3000", "# ", "#",
)  # fmt: skip
_BYTES = (
    b"\xff",
    b"\xe4",
    b"\xc4\xe3",
    b"\xb9\xfa",
    b"\x80",
    b"\xe3\x80",
    b"\xef\xbb\xbf",
    b"\xa0",
    b"\x85",
    b"\x00",
    b"\xfe\xff",
)
_ENDS = ("\n", "\n", "\n", "\r\n", "\r", "\n\n", "\u2028", "\x0c", "")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def random_env(source: random.Random) -> bytes:
    """Return the bytes of one `.env`."""
    parts = []
    for _ in range(source.randint(1, 5)):
        text = (
            source.choice(_BLANKS) + source.choice(_NAMES) + source.choice(("=", "=", "=", " = ", "=\u3000", "", ":"))
        )
        text += source.choice(_VALUES) + source.choice(("", "", "", " ", "\u3000", "\u00a0"))
        codec = source.choice(("utf-8", "utf-8", "utf-8", "utf-8", "latin-1", "gbk", "utf-8-sig"))
        raw = (text + source.choice(_ENDS)).encode(codec, "ignore")
        if source.random() < 0.15:
            at = source.randint(0, len(raw))
            raw = raw[:at] + source.choice(_BYTES) + raw[at:]
        parts.append(raw)
    whole = b"".join(parts)
    if source.random() < 0.05:
        return whole.decode("utf-8", "ignore").encode(source.choice(("utf-16", "utf-16-le", "utf-16-be")))
    return whole


class Copy(NamedTuple):
    """The `.env` of a clone: its bytes, and the names that stay.

    Left out are names that also stand in a removed entry, and those on a joined line, which 0.22 does not split.
    """

    content: bytes
    kept: frozenset[str]


def cloned_env(raw: bytes, catalog: Catalog) -> Copy | None:
    """Return the `.env` of the clone of a home with this one alone, None when the clone is refused."""
    try:
        document = EnvDocument.parse(raw, known_keys=catalog.known_names)
        judged = classify(SourceDocuments(env=document), catalog=catalog, policy=ClonePolicy())
        edits = env_edits(document, judged.env[document.path], judged.values)
        content = rewrite_env(document, edits, judged.values)
    except DocumentError:
        return None
    apart = {row.name for row in edits.rows.removed} | {entry.name for entry in document.entries if entry.joined}
    return Copy(content, frozenset(row.name for row in edits.rows.kept) - apart)


def faults(raw: bytes, copy: Copy, before: Mapping[str, str], after: Mapping[str, str], catalog: Catalog) -> list[str]:
    """Return how the clone's variables, as Hermes loads them, differ from what the report says.

    0.19.0 loses the first variable behind a byte order mark; a clone has it.
    """
    found = []
    if raw.startswith(b"\xef\xbb\xbf"):
        before, after = ({name.removeprefix("\ufeff"): value for name, value in one.items()} for one in (before, after))
    for name, value in after.items():
        fact = catalog.lookup(name)
        if value and fact is not None and fact.channel and fact.secret:
            found.append(f"{name} is set in the clone")
        if value and name not in before and name in copy.kept and _VARIABLE.fullmatch(name):
            found.append(f"{name} is set in the clone alone")
    for name in copy.kept:
        if _VARIABLE.fullmatch(name) and before.get(name) != after.get(name) and "<removed" not in after.get(name, ""):
            refers = "CANARY" in before.get(name, "")
            if not refers:
                found.append(f"{name} is kept by the report, and differs in the clone")
    return found


class HermesLoader:
    """Hermes' own loader in one process of its interpreter."""

    def __init__(self, python: str, folder: Path) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
        env["HERMES_DISABLE_LAZY_INSTALLS"] = "1"
        script = Path(__file__).with_name("hermes_dotenv.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def load(self, raw: bytes) -> dict[str, str]:
        """Return the variables that a gateway's start sets."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(base64.b64encode(raw).decode() + "\n")
        self._process.stdin.flush()
        found: dict[str, str] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        with self._process:  # closes its pipes and waits for it
            pass


def fuzz(python: str, catalog: Catalog, *, seed: int, count: int) -> tuple[list[tuple[bytes, list[str]]], int]:
    """Return the samples with faults, and how many were cloned."""
    source = random.Random(seed)
    bad: list[tuple[bytes, list[str]]] = []
    cloned = 0
    with tempfile.TemporaryDirectory() as folder:
        loader = HermesLoader(python, Path(folder))
        for _ in range(count):
            raw = random_env(source)
            copy = cloned_env(raw, catalog)
            if copy is None:
                continue
            cloned += 1
            found = faults(raw, copy, loader.load(raw), loader.load(copy.content), catalog)
            if found:
                bad.append((raw, found))
        loader.close()
    return bad, cloned
