"""Documents that are ciphertext, homes inside a home, and state files of any number and size."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest
from clone_source import canary, clone, leaks, make_layout
from packed_files import zipped

from hermes_profiles.clone import source as source_module
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.documents.sealed import check_not_sealed, sealed_form, sealed_value
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.profiles.home_files import HomeFiles

TOKEN = canary("sealed")
_LINES = f"TELEGRAM_BOT_TOKEN={TOKEN}\n".encode()
SEALED = {
    "git-crypt": b"\x00GITCRYPT\x00\x8a\xf1\x03\xcc\x91\x1b",
    "ansible-vault": b"$ANSIBLE_VAULT;1.1;AES256\n33363437363362\n",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "at rest by Hermes": b"HRMSENC\x01\x00\x9f\x02\xc3\x28",
    "age": b"age-encryption.org/v1\n-> X25519 abc=\n",
    "by age": b"\n-----BEGIN AGE ENCRYPTED FILE-----\nYWdl==\n",
    "gpg": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA==\n=ab12\n-----END PGP MESSAGE-----\n",
    "seems by gpg": b"\x85\x02\x0c\x03" + bytes(20),
    "armoured": b"-----BEGIN ENCRYPTED DATA-----\nabc=\n-----END ENCRYPTED DATA-----\n",
    "openssl": b"Salted__\x01\x02\x03",
    "SOPS": b'{\n "data": "ENC[AES256_GCM,data:x,type:str]",\n "sops": {"mac": "ENC[x]"}\n}\n',
    "gzip": gzip.compress(_LINES),
    "zip": zipped(_LINES),
    "bzip2": bz2.compress(_LINES),
    "xz": lzma.compress(_LINES),
    "zstd": b"\x28\xb5\x2f\xfd\x24\x05\x29\x00\x00A=1\n",
    "7-Zip": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24),
    "a database": b"SQLite format 3\x00\x10\x00" + bytes(80),
    "no assignment": b"# keys\n\nask the password manager\n",
}


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("file", [".env", ".op.env"])
def test_sealed_environment_file_stops_the_clone(tmp_path: Path, name: str, file: str) -> None:
    layout = make_layout(tmp_path, {file: SEALED[name], "config.yaml": "model: a\n"})
    with pytest.raises(DocumentError) as caught:
        clone(layout)
    message = caught.value.problem.message
    assert str(layout.root / file) in message and name in message and caught.value.problem.hint
    assert not layout.home("copy").exists()
    made = clone(layout, policy=ClonePolicy(skip_unreadable=True))
    assert file in made.left_behind()
    assert SEALED[name] not in made.bytes(".env")


@pytest.mark.parametrize("name", [name for name in SEALED if name != "no assignment"])
def test_sealed_configuration_stops_the_clone(tmp_path: Path, name: str) -> None:
    layout = make_layout(tmp_path, {".env": "A=1\n", "config.yaml": SEALED[name]})
    with pytest.raises(DocumentError):
        clone(layout)


@pytest.mark.parametrize("name", SEALED)
def test_sealed_file_is_a_problem_for_every_reader(tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_bytes(SEALED[name])
    files = HomeFiles(tmp_path)
    assert files.environment() == {} and len(files.problems) == 1


@pytest.mark.parametrize(
    ("raw", "command"), [(b"\x1f\x8b\x08", "gzip -dc"), (b"$ANSIBLE_VAULT;1.1", "ansible-vault decrypt")]
)
def test_command_for_a_path_with_a_blank_is_quoted(raw: bytes, command: str) -> None:
    with pytest.raises(DocumentError) as caught:
        check_not_sealed(raw, "/home/ann/my hermes/.env")
    assert f"`{command} '/home/ann/my hermes/.env'`" in (caught.value.problem.hint or "")


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "# only\n# comments\n", "\ufeff# TELEGRAM_BOT_TOKEN=\n", "A=\n", "export A=1\n", "A\nB=2\n"],
)
def test_plain_environment_files_are_not_sealed(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    files = HomeFiles(tmp_path)
    files.environment()
    assert sealed_form(text.encode()) is None and not files.problems
    clone(make_layout(tmp_path / "root", {".env": text}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# x\nA=1\nTOKEN=ENC[AES256_GCM,data:abc,iv:1,tag:2,type:str]\n", (3, "SOPS")),
        ("model:\n  default: ENC[AES256_GCM,data:abc,iv:1,tag:2,type:str]\n", (2, "SOPS")),
        ('export TOKEN="encrypted:BDqDBibm4wsYqMpCjTQ6BsDHmMadg9K3dAt+Z9HPMfLEIRVz50hmLXPX"\n', (1, "dotenvx")),
        ("# TOKEN=ENC[AES256_GCM,data:abc,iv:1,tag:2,type:str]\n", None),
        ("NOTE=values begin with ENC[AES256_GCM,data: there\nOTHER=encrypted:BAD\n", None),
    ],
)
def test_values_that_are_ciphertext_are_found(text: str, found: tuple[int, str] | None) -> None:
    value = sealed_value(text.encode())
    assert (value and value[:2]) == found


def test_values_of_sops_are_assignments(tmp_path: Path) -> None:
    lines = "TELEGRAM_BOT_TOKEN=ENC[AES256_GCM,data:abc,iv:1,tag:2,type:str]\n"
    lines += "OPENAI_API_KEY=ENC[AES256_GCM,data:def,iv:3,tag:4,type:str]\n"
    made = clone(make_layout(tmp_path, {".env": lines + "sops_version=3.8.1\n"}))
    assert "OPENAI_API_KEY=ENC[AES256_GCM,data:def" in made.text(".env") and "data:abc" not in made.text(".env")


def test_homes_in_a_home_stay_behind(tmp_path: Path) -> None:
    other = {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "weixin/accounts/a.json": json.dumps({"token": TOKEN})}
    places = (".hermes", "home/.hermes", ".hermes.bak", ".hermes-2026", "skills/x/.hermes")
    files = {f"{place}/{name}": text for place in places for name, text in other.items()}
    copy = {".env": f"A={TOKEN}\n", "config.yaml": "a: 1\n", "SOUL.md": "s", "memories/MEMORY.md": TOKEN}
    files |= {f"before/update/{name}": text for name, text in copy.items()}
    files |= {f"copies/one/{name}": "A=1\n" for name in (".env", "config.yaml", "weixin/accounts/a.json")}
    project = {
        "workspace/app/.env": "A=1\n",
        "workspace/app/config.yaml": "a: 1\n",
        "workspace/p/.hermes/plugins/a.py": "",
    }
    layout = make_layout(tmp_path, {".env": "A=1\n", **files, **project})
    made = clone(layout, scope=Scope.ALL)
    reason = "another Hermes home, with identities of its own"
    assert {path for path, why in made.left_behind().items() if why == reason} == {
        *places,
        "before/update",
        "copies/one",
    }
    assert leaks(made.home, [TOKEN]) == []
    assert all((made.home / path).is_file() for path in project)


def test_hundreds_of_state_files_hide_no_other_one(tmp_path: Path) -> None:
    files = {f"platforms/aaa/session/pre-key-{n}.json": '{"private": {"data": "eA=="}}' for n in range(500)}
    files |= {"slack_tokens.json": json.dumps({"T1": {"token": TOKEN}}), "skills/a/SKILL.md": TOKEN}
    made = clone(make_layout(tmp_path, {".env": "A=1\n", **files}))
    assert leaks(made.home, [TOKEN]) == []


def test_large_and_deep_state_files_are_searched(tmp_path: Path) -> None:
    deep = "platforms/whatsapp/session/a/b/c/d/creds.json"
    large = json.dumps({"token": TOKEN + "-large", "chats": ["x" * 100] * 9000})
    files = {deep: json.dumps({"advSecretKey": TOKEN + "-deep"}), "slack_tokens.json": large}
    made = clone(make_layout(tmp_path, {".env": "A=1\n", "skills/a/SKILL.md": f"{TOKEN}-deep {TOKEN}-large", **files}))
    assert made.text("skills/a/SKILL.md").count("<removed: ") == 2


def test_copies_and_lines_of_state_and_other_encodings_are_searched(tmp_path: Path) -> None:
    row = json.dumps({"token": TOKEN})
    home = {".env": "A=1\n", "skills/a/SKILL.md": TOKEN}
    files = {
        "weixin/accounts/fred.json.bak": row,
        "feishu_tokens.jsonl": f"{row}\n{row}\n",
        "weixin/a.json": f"\ufeff{row}",
    }
    for number, (name, text) in enumerate(files.items()):
        made = clone(make_layout(tmp_path / str(number), {**home, name: text}))
        assert leaks(made.home, [TOKEN]) == [], name


def test_state_behind_links_is_searched_or_named(tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (far / "ada.json").write_text(json.dumps({"token": TOKEN}))
    layout = make_layout(tmp_path, {".env": "A=1\n", "skills/a/SKILL.md": TOKEN, "weixin/a.json": "{}"})
    home = layout.home("default")
    (home / "weixin" / "ada.json").symlink_to(far / "ada.json")
    (home / "weixin" / "gone.json").symlink_to("/nonexistent")
    (home / "weixin" / "round").symlink_to(home / "weixin")
    (home / "whatsapp").symlink_to(far)
    made = clone(layout)
    assert leaks(made.home, [TOKEN]) == []
    assert [row.target for row in made.warnings if row.code == "not-searched"] == ["whatsapp"]


def test_state_files_that_are_not_searched_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MOST_STATE_BYTES", 100)
    files = {
        "slack_tokens.json": json.dumps({"token": "x" * 200}),
        "slack_tokens_2.json": "no json",
        "feishu_a.json": "",
    }
    made = clone(make_layout(tmp_path, {".env": "A=1\n", **files}))
    assert [row.target for row in made.warnings if row.code == "not-searched"] == [
        "slack_tokens.json",
        "slack_tokens_2.json",
    ]
