"""Credentials that are known by their form: none stays in a clone unnamed, under any name, in any file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from clone_source import clone, make_layout
from shape_samples import CERTAIN, LIKELY

from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.model.errors import Refused

ENV = "OPENAI_API_KEY=sk-CANARY-of-a-model\n"
CONFIG = "model:\n  default: x\n"
# Place → how a value is written there.
PLACES = {
    ".env": ("# old: {}\n", "#{}\n", "OLD_THING='{}'\n", "NOTE=was-{}\n", "WORK_BOT={} # note\n", "export MINE={}\n"),
    "config.yaml": ("# was {}\n", "#   token: '{}'\n", "notes: \"{}\"\n"),
    "SOUL.md": ("You answer as {}.\n",),
    "memories/MEMORY.md": ("- the test bot is {}\n",),
    "skills/a/SKILL.md": ("curl -d x '{}'\n",),
    "skills/a/.env": ("ANY={}\n",),
    "skills/a/.env.bak": ("ANY={}\n",),
    "skills/a/.envrc": ("export ANY={}\n",),
    "skills/a/config.json": ('{{"anything": "{}"}}\n',),
    "skills/a/settings.yaml": ("any: '{}'\n",),
    "scripts/s.sh": ("T='{}'\n",),
    "hooks/h/handler.py": ("T = '{}'\n",),
    "plugins/p/settings.txt": ("token: {}\n",),
}  # fmt: skip
_PEM = "\nMIIBCANARYabcdefghijklmnopqrstuvwxyz0123456789\n"


@pytest.mark.parametrize(("kind", "value"), CERTAIN)
def test_bot_token_or_webhook_is_in_no_file_of_a_clone(tmp_path: Path, kind: str, value: str) -> None:
    files = {path: "".join(form.format(value) for form in forms) for path, forms in PLACES.items()}
    files[".env"], files["config.yaml"] = ENV + files[".env"], CONFIG + files["config.yaml"]
    cloned = clone(make_layout(tmp_path, files), scope=Scope.ALL)
    for path in PLACES:
        assert value not in cloned.text(path), path
        assert path == ".env" or any(row["path"] == path for row in cloned.data["files"]["redacted"]), path
    assert {row["name"] for row in cloned.data["env"]["removed"]} >= {"OLD_THING", "WORK_BOT", "MINE"}
    assert f"its value has the form of a {kind}" in {row["reason"] for row in cloned.data["env"]["removed"]}
    assert value not in str(cloned.data)
    assert cloned.text(".env").startswith(ENV)


@pytest.mark.parametrize(("kind", "value"), LIKELY)
def test_what_looks_like_an_identity_is_copied_and_named(tmp_path: Path, kind: str, value: str) -> None:
    text = value + (_PEM if kind == "private key" else "")
    files = {".env": ENV, "config.yaml": CONFIG, "SOUL.md": f"First\n{text}\n", "skills/a/x.py": f"\n\nT = '{text}'\n"}
    cloned = clone(make_layout(tmp_path, files))
    named = {(row["path"], row["line"], row["kind"]) for row in cloned.data["files"]["named"]}
    assert named == {("SOUL.md", 2, kind), ("skills/a/x.py", 3, kind)}
    assert cloned.text("SOUL.md") == files["SOUL.md"] and value not in str(cloned.data)
    with pytest.raises(Refused, match=r"SOUL\.md:2") as refused:
        clone(make_layout(tmp_path / "strict", files), policy=ClonePolicy(strict_shapes=True))
    assert value not in str(refused.value.problem) and refused.value.problem.code == "named-shapes"


def test_credential_in_settings_that_are_switched_off_by_a_comment_is_removed_everywhere(tmp_path: Path) -> None:
    secret = "kR7vexq2CANARYpTz4wQ"
    block = f"# platforms:\n#   bluebubbles:\n#     enabled: true\n#     password: {secret}\n"
    files = {".env": ENV, "config.yaml": CONFIG + block, "SOUL.md": f"Once: {secret}\n"}
    cloned = clone(make_layout(tmp_path, files))
    assert secret not in cloned.text("config.yaml") + cloned.text("SOUL.md")
    assert cloned.text("config.yaml").startswith(CONFIG + "# platforms:\n#   bluebubbles:\n")


def test_token_of_a_tool_stays_and_is_named(tmp_path: Path) -> None:
    token = dict(CERTAIN)["Slack token"]
    config = (
        f"{CONFIG}mcp_servers:\n  chat:\n    env:\n      SLACK_TOKEN_OF_TOOL: {token}\n      OTHER: ${{TOOLS_OWN}}\n"
    )
    other = dict(CERTAIN)["Telegram bot token"]
    files = {".env": f"{ENV}TOOLS_OWN={other}\n", "config.yaml": config, "SOUL.md": f"{token}\n"}
    cloned = clone(make_layout(tmp_path, files))
    assert cloned.text("config.yaml") == config and cloned.text(".env") == files[".env"]
    named = {(row["path"], row["line"]) for row in cloned.data["files"]["named"]}
    assert named == {("config.yaml", 6), (".env", 2), ("SOUL.md", 1)}


def test_key_of_a_tool_is_not_named(tmp_path: Path) -> None:
    likely = dict(LIKELY)
    config = f"{CONFIG}providers:\n  x:\n    api_key: {likely['JSON Web Token']}\n"
    files = {".env": f"{ENV}MSGRAPH_CLIENT_SECRET={likely['Microsoft client secret']}\n", "config.yaml": config}
    cloned = clone(make_layout(tmp_path, files), policy=ClonePolicy(strict_shapes=True))
    assert cloned.data["files"]["named"] == [] and cloned.text("config.yaml") == config
    assert cloned.text(".env") == files[".env"]


def test_key_that_the_user_keeps_is_neither_removed_nor_named(tmp_path: Path) -> None:
    value = dict(CERTAIN)["Discord webhook"]
    files = {".env": f"{ENV}ALERTS={value}\n", "config.yaml": CONFIG}
    cloned = clone(make_layout(tmp_path, files), policy=ClonePolicy(keep=frozenset({"ALERTS"})))
    assert cloned.text(".env") == files[".env"] and cloned.data["files"]["named"] == []


def test_cloned_channels_are_not_searched_by_form(tmp_path: Path) -> None:
    value = dict(CERTAIN)["Discord webhook"]
    files = {".env": f"{ENV}ALERTS={value}\n", "config.yaml": CONFIG, "SOUL.md": value}
    cloned = clone(make_layout(tmp_path, files), policy=ClonePolicy(channels=Channels.CLONE))
    assert cloned.text(".env") == files[".env"] and cloned.text("SOUL.md") == value
    assert cloned.data["files"]["named"] == []


@pytest.mark.parametrize("text", [
    "".join(f"\\x{ord(char):02x}" for char in "8812345678:" + "AAF-CANARYTelegramTokenAbCdEfGh123x"),
    "".join(f"&#{ord(char)};" for char in "8812345678:" + "AAF-CANARYTelegramTokenAbCdEfGh123x"),
    "".join(f"%{ord(char):02X}" for char in "8812345678:" + "AAF-CANARYTelegramTokenAbCdEfGh123x"),
    "ODgxMjM0NTY3ODpBQUYtQ0FOQVJZVGVsZWdyYW1Ub2tlbkFiQ2RFZkdoMTIzeA==",
    "'8812345678:' + 'AAF-CANARYTelegramTokenAbCdEfGh123x'",
    "8812345678\\:AAF\\-CANARYTelegramTokenAbCdEfGh123x",
])  # fmt: skip
def test_escaped_credential_is_known_by_its_form(tmp_path: Path, text: str) -> None:
    files = {".env": ENV, "config.yaml": CONFIG, "SOUL.md": f"a\n{text}\nb\n"}
    cloned = clone(make_layout(tmp_path, files))
    assert "<removed: Telegram bot token>" in cloned.text("SOUL.md") and "123x" not in cloned.text("SOUL.md")
    assert cloned.data["files"]["redacted"] == [{"path": "SOUL.md", "line": 2, "name": "Telegram bot token"}]


def test_binary_file_with_a_credential_stays_behind(tmp_path: Path) -> None:
    value = dict(CERTAIN)["Matrix access token"]
    files = {".env": ENV, "config.yaml": CONFIG, "skills/a/x.bin": b"\x00\x01" + value.encode() + b"\x00\xff"}
    cloned = clone(make_layout(tmp_path, files))
    assert not (cloned.home / "skills/a/x.bin").exists()
    assert [row["path"] for row in cloned.data["files"]["left_behind"]] == ["skills/a/x.bin"]


@pytest.mark.parametrize(("kind", "value"), CERTAIN[::4])
def test_archive_with_a_credential_stays_behind(tmp_path: Path, kind: str, value: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", f"the old bot: {value}\n" * 3)
    layout = make_layout(tmp_path, {"config.yaml": CONFIG, "skills/a/x.zip": packed.getvalue()})
    cloned = clone(layout)
    assert cloned.left_behind() == {"skills/a/x.zip": f"packed, and it holds a {kind}"}


@pytest.mark.parametrize(
    "around", ["x\\n{}\\ty", "a\\\\n{}\\\\n", "\\u000a{}", "\x1b[32m{}\x1b[0m", "token\x00{}\x00x", "b'{}'"]
)
def test_credential_is_found_behind_an_escape_and_a_colour(tmp_path: Path, around: str) -> None:
    """A letter of an escape in front (`\\nxoxb-…`) is no letter of a word."""
    kinds = [row for row in CERTAIN if row[0] in ("Slack token", "Discord bot token", "Matrix access token")]
    files = {f"skills/a/{number}.txt": around.format(value) for number, (_, value) in enumerate(kinds)}
    cloned = clone(make_layout(tmp_path, {".env": ENV, **files}))
    assert {row["path"] for row in cloned.data["files"]["redacted"]} | set(cloned.left_behind()) == set(files)


def test_copy_of_the_configuration_in_a_skill_loses_the_credentials_of_channels(tmp_path: Path) -> None:
    block = "platforms:\n  email:\n    enabled: true\n    extra:\n      password: 'CANARY#mail7pass'\n"
    files = {"skills/a/config.yaml": CONFIG + block, "scripts/old.yml": block, "plugins/p/x.yaml.bak": block}
    cloned = clone(make_layout(tmp_path, {".env": ENV, **files}))
    for path in files:
        assert "CANARY#mail7pass" not in cloned.text(path) and "enabled: true" in cloned.text(path)
    assert {row["path"] for row in cloned.data["files"]["redacted"]} == set(files)
    assert "CANARY" not in str(cloned.data)


@pytest.mark.parametrize("front", [b"K", b"discord", b"\x8cI", b"Comment\x00"])
def test_token_behind_a_letter_of_a_binary_file_is_found(tmp_path: Path, front: bytes) -> None:
    files = {
        f"skills/a/{number}.bin": b"\xff\x00\x01" + front + value.encode() + b"\x00\xfe"
        for number, (kind, value) in enumerate(CERTAIN)
        if kind in ("Slack token", "Discord bot token", "Matrix access token", "Slack app token")
    }
    cloned = clone(make_layout(tmp_path, {".env": ENV, **files}))
    assert set(cloned.left_behind()) == set(files)


def test_names_in_code_are_no_tokens(tmp_path: Path) -> None:
    text = "MainHandlerForTheWholeApp.Method.ThatHasAVeryLongNameWithThirtyLetters()\n"
    # From the texts of a compiled library: the digit belongs to the name behind.
    text += "OCSPCertStatuscryptography.hazmat._oid_SIG_OIDS_TO_HASHcryptography.x509.name_ASN1_TYPE_TO_ENUM\n"
    cloned = clone(make_layout(tmp_path, {".env": ENV, "skills/a/x.js": text}))
    assert cloned.text("skills/a/x.js") == text and not cloned.data["files"]["named"]
