"""Packed files in a clone: what holds a removed value stays behind, what is not searched is named."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import textwrap
import zlib
from pathlib import Path

import pytest
from clone_source import Link, canary, clone, make_layout
from packed_files import noise, packed_in_every_way, pdf, split_row, tarred, zipped

from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.model.layout import Layout

TOKEN = "8812345678:AAF-CANARY_packed_TokenAbCdE1"
ENV = f"OPENAI_API_KEY={canary('model')}\nTELEGRAM_BOT_TOKEN={TOKEN}\n"
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c\x00\x04" + noise(99)
HISTORY = "its history holds the value of TELEGRAM_BOT_TOKEN"


def git(folder: Path, *words: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.email=a@example.org", "-c", "user.name=a", "-c", "protocol.file.allow=always"]
    done = subprocess.run([*command, *words], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def repository(folder: Path, *, secret: bool = True) -> Path:
    """Return a repository whose history has the token; its files do not."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for text in (TOKEN if secret else "nothing", "read it from the environment"):
        (folder / "SKILL.md").write_text(f"# notify\n{text}\n")
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", "notify")
    return folder


def skills(layout: Layout) -> Path:
    return layout.root / "skills"


def test_packed_files_with_a_removed_value_stay_behind(tmp_path: Path) -> None:
    files = packed_in_every_way(TOKEN.encode())
    layout = make_layout(tmp_path, {".env": ENV, **{f"plugins/p/{name}": data for name, data in files.items()}})
    made = clone(layout)
    assert made.left_behind() == {
        f"plugins/p/{name}": "packed, and it holds the value of TELEGRAM_BOT_TOKEN" for name in files
    }
    assert not made.data["files"]["named"]


def test_packed_files_without_one_are_copied_in_silence(tmp_path: Path) -> None:
    files = packed_in_every_way(b"another text of that length, no secret")
    layout = make_layout(tmp_path, {".env": ENV, **{f"plugins/p/{name}": data for name, data in files.items()}})
    made = clone(layout)
    assert {name: made.bytes(f"plugins/p/{name}") for name in files} == files
    assert not made.left_behind() and not made.data["files"]["named"]


def test_channels_that_are_cloned_carry_their_packed_files(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV, "plugins/p/a.gz": gzip.compress(TOKEN.encode())})
    made = clone(layout, policy=ClonePolicy(channels=Channels.CLONE))
    assert (made.home / "plugins/p/a.gz").is_file()


def test_files_that_cannot_be_searched_are_named(tmp_path: Path) -> None:
    layout = make_layout(
        tmp_path,
        {".env": ENV, "skills/a.7z": SEVEN_ZIP, "skills/b.gz": gzip.compress(bytes(2**25))},
    )
    made = clone(layout)
    assert made.data["files"]["named"] == [
        {"path": "skills/a.7z", "line": None, "kind": "not searched: a 7z archive"},
        {"path": "skills/b.gz", "line": None, "kind": "not searched: it unpacks to more than 250 times its size"},
    ]
    assert (made.home / "skills/a.7z").is_file()


CLOSED = {
    "a.7z": (SEVEN_ZIP, "a 7z archive"),
    "a.zip": (
        zipped(b"x").replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00"),
        "an encrypted member of a zip file",
    ),
    "vault.yml": (b"$ANSIBLE_VAULT;1.1;AES256\n" + noise(40).hex().encode() + b"\n", "encrypted by ansible-vault"),
    "a.txt.gpg": (b"\x85\x01\x0c\x03" + noise(99), "encrypted, it seems by gpg"),
    "a.docx": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise(99) + "EncryptedPackage".encode("utf-16-le") + noise(99),
        "an encrypted office document",
    ),
    "a.js.br": (noise(99), "compressed by brotli"),
    "a.zip.002": (noise(99), "a part of an archive"),
    "a.tar.gz.00": (noise(99), "a part of an archive"),
    "session.jsonlz4": (b"mozLz40\x00" + noise(99), "LZ4 data of Firefox"),
    "a.pages": (zipped(b"x", name="Index/Document.iwa"), "the text of a document of iWork"),
    "000003.ldb": (noise(99) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "a table of LevelDB"),
    "chats.parquet": (b"PAR1" + noise(99) + b"PAR1", "a Parquet file"),
    "chats.feather": (b"ARROW1\x00\x00" + noise(99) + b"ARROW1", "an Arrow file"),
    "base64.txt": (base64.b64encode(SEVEN_ZIP), "a 7z archive"),
    "bomb.json": (b'{"body": "%b"}' % base64.b64encode(gzip.compress(bytes(2**25))), "it unpacks to more than 250"),
}


def _nested(value: str) -> dict[str, str]:
    """Return texts with base64 in base64."""
    encoded = base64.b64encode(f"bot:{value}".encode()).decode()
    login = json.dumps({"auths": {"registry": {"auth": encoded}}})
    release = base64.b64encode(gzip.compress(f"token: {value}\n".encode()))
    lines = base64.encodebytes(f"first: line of a file\nTOKEN={value}\nlast: line\n".encode())
    return {
        "twice": base64.b64encode(encoded.encode()).decode(),
        "login of Docker": f"data:\n  .dockerconfigjson: {base64.b64encode(login.encode()).decode()}\n",
        "release of Helm": f"data:\n  release: {base64.b64encode(release).decode()}\nkind: Secret\n",
        "over lines": base64.encodebytes(lines * 2).decode() + "\nafter\n",
        "three times": base64.b64encode(base64.b64encode(f"a.b.c {encoded}".encode())).decode(),
    }


@pytest.mark.parametrize("form", _nested(""))
@pytest.mark.parametrize("env", [ENV, "A=1\n"])
def test_base64_in_base64_stays_behind(tmp_path: Path, form: str, env: str) -> None:
    """Also the credential that only its form gives away."""
    text = _nested(TOKEN if env is ENV else "8812345678:AAF-CANARYTelegramTokenAbCdEfGh123x")[form]
    made = clone(make_layout(tmp_path / "skill", {".env": env, "skills/a.yaml": text}))
    assert "skills/a.yaml" in made.left_behind() and not (made.home / "skills/a.yaml").exists()
    config = f"model:\n  default: x\nnotes: {json.dumps(text)}\n"
    made = clone(make_layout(tmp_path / "config", {".env": env, "config.yaml": config}))
    assert json.dumps(text) not in made.text("config.yaml")
    assert made.text("config.yaml").startswith("model:\n  default: x\n")


@pytest.mark.parametrize("env", [ENV, "A=1\n"])
def test_file_that_cannot_be_opened_is_named_in_every_clone(tmp_path: Path, env: str) -> None:
    """A source without a removed value can still hold a credential that is known by its form."""
    layout = make_layout(
        tmp_path, {".env": env, **{f"skills/{name}": content for name, (content, _) in CLOSED.items()}}
    )
    named = {row["path"]: row["kind"] for row in clone(layout).data["files"]["named"]}
    assert set(named) == {f"skills/{name}" for name in CLOSED}
    assert all(named[f"skills/{name}"].startswith(f"not searched: {kind}") for name, (_, kind) in CLOSED.items())


def test_files_of_models_and_public_keys_are_copied_in_silence(tmp_path: Path) -> None:
    files = {
        "model.gguf": b"GGUF\x03" + noise(99) + b"\x28\xb5\x2f\xfd" + b"\xff" * 40,
        "tensor.bin": b"\x85" + noise(99),
        "font.pdf": pdf(b"<</Encoding/Identity-H>>"),
        "key.pem": b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(noise(99)),
        "picture.lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"5a" * 32 + b"\n",
    }
    layout = make_layout(tmp_path, {".env": "A=1\n", **{f"skills/{name}": content for name, content in files.items()}})
    made = clone(layout)
    assert not made.data["files"]["named"] and not made.left_behind()


def test_large_packed_file_is_searched_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_profiles.clone.files._LARGEST_REWRITE", 1000)
    layout = make_layout(
        tmp_path,
        {".env": ENV, "skills/a.tgz": tarred(noise(5000) + TOKEN.encode()), "skills/b.tgz": tarred(noise(5000))},
    )
    assert list(clone(layout).left_behind()) == ["skills/a.tgz"]


@pytest.mark.parametrize("packed", [False, True])
def test_git_history_with_a_removed_value_stays_behind_whole(tmp_path: Path, packed: bool) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    folder = repository(skills(layout) / "notify")
    if packed:
        git(folder, "gc", "-q")
    made = clone(layout)
    assert made.left_behind() == {"skills/notify/.git": HISTORY}
    assert sorted(os.listdir(made.home / "skills/notify")) == ["SKILL.md"]


def test_git_history_without_one_is_a_working_repository(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    repository(skills(layout) / "clean", secret=False)
    repository(skills(layout) / "notify")
    made = clone(layout)
    assert git(made.home / "skills/clean", "status", "--porcelain") == ""
    assert "nothing" in git(made.home / "skills/clean", "log", "-p")
    assert list(made.left_behind()) == ["skills/notify/.git"]


def test_value_in_the_configuration_of_git_is_redacted(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    folder = repository(skills(layout) / "clean", secret=False)
    git(folder, "config", "remote.origin.url", f"https://bot:{TOKEN}@example.org/a.git")
    made = clone(layout)
    assert not made.left_behind() and {path for path, *_ in made.redacted()} == {"skills/clean/.git/config"}
    assert "nothing" in git(made.home / "skills/clean", "log", "-p")


@pytest.mark.parametrize("place", ["message", "branch", "tag"])
def test_value_in_the_names_and_messages_of_git(tmp_path: Path, place: str) -> None:
    layout = make_layout(tmp_path, {".env": f"TELEGRAM_BOT_TOKEN={TOKEN.replace(':', '-')}\n"})
    folder = repository(skills(layout) / "clean", secret=False)
    value = TOKEN.replace(":", "-")
    if place == "message":
        git(folder, "commit", "-q", "--allow-empty", "-m", f"use {value}")
    else:
        git(folder, place, value)
        git(folder, "pack-refs", "--all")
    assert clone(layout).left_behind() == {"skills/clean/.git": HISTORY}


def test_bare_repository_and_other_version_control(tmp_path: Path) -> None:
    layout = make_layout(
        tmp_path,
        {
            ".env": ENV,
            "skills/hg/.hg/store/data/a.i": b"\x00\x01" + gzip.compress(TOKEN.encode()),
            "skills/hg/.hg/requires": "store",
            "skills/svn/.svn/pristine/a.svn-base": TOKEN,
            "skills/svn/.svn/format": "12",
        },
    )
    git(repository(tmp_path / "work"), "clone", "-q", "--bare", ".", str(skills(layout) / "mirror"))
    made = clone(layout)
    assert made.left_behind() == {f"skills/{name}": HISTORY for name in ("mirror", "hg/.hg", "svn/.svn")}
    assert not (made.home / "skills/mirror").exists()


def test_repository_that_uses_another_one_stays_behind(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV, "skills/linked/SKILL.md": "a"})
    outside = repository(tmp_path / "outside")
    git(outside, "worktree", "add", "-q", str(skills(layout) / "tree"))
    git(outside, "clone", "-q", "--shared", ".", str(skills(layout) / "borrows"))
    (skills(layout) / "linked/.git").symlink_to(outside / ".git")
    made = clone(layout)
    assert set(made.left_behind()) == {"skills/tree/.git", "skills/borrows/.git", "skills/linked/.git"}
    assert (made.home / "skills/tree/SKILL.md").is_file()


@pytest.mark.parametrize("secret", [False, True])
def test_submodule_goes_where_its_history_goes(tmp_path: Path, secret: bool) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    inner = repository(tmp_path / "inner", secret=secret)
    (inner / "SKILL.md").write_text("clean now")
    outer = repository(skills(layout) / "outer", secret=False)
    git(outer, "submodule", "--quiet", "add", str(inner), "sub")
    (outer / "sub/SKILL.md").write_text("clean")
    made = clone(layout)
    expected = {"skills/outer/.git": HISTORY, "skills/outer/sub/.git": "the folder of its repository stays behind"}
    assert made.left_behind() == (expected if secret else {})
    if not secret:
        assert "nothing" in git(made.home / "skills/outer/sub", "log", "-p")


def test_database_with_a_split_row_stays_behind_with_its_parts(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    skills(layout).mkdir()
    _, content = split_row(tmp_path, TOKEN)
    (skills(layout) / "notes.db").write_bytes(content)
    (skills(layout) / "notes.db-wal").write_bytes(b"\x00")
    assert clone(layout).left_behind() == {
        "skills/notes.db": "packed, and it holds the value of TELEGRAM_BOT_TOKEN",
        "skills/notes.db-wal": "belongs to skills/notes.db, which stays behind",
    }


def test_database_stays_behind_with_its_log(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    skills(layout).mkdir()
    database = sqlite3.connect(skills(layout) / "notes.db")
    database.execute("PRAGMA journal_mode = wal")
    database.execute("CREATE TABLE notes (text)")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("INSERT INTO notes VALUES (?)", (TOKEN,))
    database.commit()
    left = clone(layout).left_behind()
    database.close()
    assert set(left) == {"skills/notes.db", "skills/notes.db-wal", "skills/notes.db-shm"}


def test_text_in_utf16_of_a_database_is_found(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV})
    skills(layout).mkdir()
    database = sqlite3.connect(skills(layout) / "notes.db")
    database.execute("PRAGMA encoding = 'UTF-16le'")
    database.execute("CREATE TABLE notes (text)")
    database.execute("INSERT INTO notes VALUES (?)", (TOKEN,))
    database.commit()
    database.close()
    assert list(clone(layout).left_behind()) == ["skills/notes.db"]


def test_links_in_a_repository_that_lead_out_of_the_profile_stay_behind(tmp_path: Path) -> None:
    layout = make_layout(
        tmp_path,
        {".env": ENV, "skills/a/.git/objects": Link("/srv/objects"), "skills/a/.git/HEAD": "ref: refs/heads/x"},
    )
    assert "skills/a/.git/objects" in clone(layout).left_behind()


def test_office_document_that_splits_the_value_over_runs(tmp_path: Path) -> None:
    body = b"<w:t>8812345678</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>:AAF-CANARY_packed_TokenAbCdE1</w:t>"
    layout = make_layout(tmp_path, {".env": ENV, "skills/a.docx": zipped(b"<w:p>" + body, name="word/document.xml")})
    assert list(clone(layout).left_behind()) == ["skills/a.docx"]


@pytest.mark.parametrize(
    "text", ["body: !!binary |\n    {}\n", 'run: "{}"\n', "base64 -d <<E\n{}\nE\n", "data:x;base64,{}"]
)
def test_packed_data_in_base64_of_a_text_is_searched(tmp_path: Path, text: str) -> None:
    packed = (
        gzip.compress(b"x" * 40 + TOKEN.encode(), mtime=0),
        zipped(b"y" * 90 + TOKEN.encode()),
        *(zlib.compress(b"z" * 90 + TOKEN.encode(), level) for level in (1, 6, 9)),
    )
    files = {
        f"skills/a/{number}.txt": text.format("\n    ".join(textwrap.wrap(base64.b64encode(data).decode(), 60)))
        for number, data in enumerate(packed)
    }
    clean = base64.b64encode(gzip.compress(b"nothing in here", mtime=0)).decode()
    made = clone(make_layout(tmp_path, {".env": ENV, **files, "skills/a/clean.txt": clean}))
    assert set(made.left_behind()) == set(files) and made.text("skills/a/clean.txt") == clean


def test_packed_data_in_base64_with_escapes_is_searched(tmp_path: Path) -> None:
    lines = base64.encodebytes(zlib.compress(noise(200).hex().encode() + TOKEN.encode())).decode()
    escaped = lines.replace("/", "\\/").replace("\n", "\\n")
    made = clone(make_layout(tmp_path, {".env": ENV, "skills/a.ipynb": f'{{"data": "{escaped}"}}'}))
    assert set(made.left_behind()) == {"skills/a.ipynb"}


def test_value_beside_packed_data_in_base64_does_not_hide_it(tmp_path: Path) -> None:
    packed = base64.b64encode(gzip.compress(b"x" * 40 + TOKEN.encode(), mtime=0)).decode()
    files = {"skills/a.md": f"{TOKEN}\n{packed}\n", "skills/b.yaml": f"a: {TOKEN}\nb: {packed}\n"}
    assert set(clone(make_layout(tmp_path, {".env": ENV, **files})).left_behind()) == set(files)


def test_packed_data_in_base64_of_a_document_is_removed(tmp_path: Path) -> None:
    other = "9912345678:AAH-CANARY_of_an_Old_TokenAbCdE1"
    packed, old = (base64.b64encode(zlib.compress(text.encode() * 3)).decode() for text in (TOKEN, other))
    clean = base64.b64encode(zlib.compress(b"nothing in here, and nothing there")).decode()
    files = {
        ".env": f"{ENV}STATE={packed}\nOLD={old}\nCLEAN={clean}\n# was {packed}\n",
        "config.yaml": f"model:\n  default: x\nblob: {packed}\nclean: {clean}\n",
    }
    made = clone(make_layout(tmp_path, files))
    assert not {packed, old} & {word for path in files for word in made.text(path).replace("=", " ").split()}
    assert packed.rstrip("=") not in made.text(".env") + made.text("config.yaml")
    assert old.rstrip("=") not in made.text(".env") and made.names_removed() == {"TELEGRAM_BOT_TOKEN", "STATE", "OLD"}
    assert clean in made.text(".env") and clean in made.text("config.yaml") and made.paths_removed() == {"blob"}


def test_many_small_bombs_in_one_text_are_named_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_profiles.clone.packed._MOST_OF_A_TEXT", 2**20)
    bombs = "\n\n".join([base64.b64encode(zlib.compress(bytes(2**19))).decode()] * 9)
    made = clone(make_layout(tmp_path, {".env": ENV, "skills/a.txt": bombs}))
    kinds = [row["kind"] for row in made.data["files"]["named"]]
    assert kinds == ["not searched: its base64 unpacks to more than 1 MiB"]


def test_pdf_without_a_binary_byte_is_searched(tmp_path: Path) -> None:
    start = b"%PDF-1.4\n1 0 obj<</Length 9>>stream\nBT "
    files = {
        "skills/a/digits.pdf": start + b"<" + TOKEN.encode().hex().encode() + b"> Tj ET\nendstream",
        "skills/a/moved.pdf": start + f"[({TOKEN[:12]}) -20 ({TOKEN[12:]})] TJ ET\nendstream".encode(),
        "skills/a/other.pdf": b"%PDF-1.4\n1 0 obj<</Filter[/ASCII85Decode/FlateDecode]>>stream\nGasd~>\nendstream",
    }
    made = clone(make_layout(tmp_path, {".env": ENV, **files}))
    assert set(made.left_behind()) == {"skills/a/digits.pdf", "skills/a/moved.pdf"}
    kinds = [row["kind"] for row in made.data["files"]["named"]]
    assert kinds == ["not searched: parts of a PDF that are not in Flate"]


@pytest.mark.parametrize("mark", ["H4sI", "UEsDB", "KLUv", "QlpoO", "iVBORw0KGgo"])
def test_beginning_of_packed_data_within_a_longer_run_means_nothing(tmp_path: Path, mark: str) -> None:
    """A picture of some megabytes in base64 has four such letters by chance."""
    text = f"![picture](data:image/jpeg;base64,9j4AAQSk{mark}AAAAAAAAA8vLz)\n"
    made = clone(make_layout(tmp_path, {".env": ENV, "skills/a.md": text}))
    assert made.text("skills/a.md") == text


@pytest.mark.parametrize("rest", [b"", b"\x10\x00", b"\x10\x00\x01\x01"])
def test_header_of_a_database_that_is_cut_off_means_nothing(tmp_path: Path, rest: bytes) -> None:
    """A library or a list of file types ends in these bytes."""
    content = noise(30) + b"SQLite format 3\x00" + rest
    made = clone(make_layout(tmp_path, {".env": ENV, "skills/types.bin": content}))
    assert made.bytes("skills/types.bin") == content


EARLIER = "8tq3xw7n5kc1fz9hgj4rpsmebd"


def test_earlier_credential_beside_its_name_in_a_packed_file_is_named(tmp_path: Path) -> None:
    """The file is copied: a whole archive or repository is much to lose for what can be the sample of a test."""
    text = f"# of the old server\nMATTERMOST_TOKEN={EARLIER}\n{'and so on ' * 40}\n".encode()
    files = packed_in_every_way(text)
    layout = make_layout(tmp_path, {".env": ENV, **{f"plugins/p/{name}": data for name, data in files.items()}})
    named = {(row["path"], row["kind"]) for row in clone(layout).data["files"]["named"]}
    assert named == {(f"plugins/p/{name}", "packed, a value beside MATTERMOST_TOKEN") for name in files}


def test_placeholders_and_kept_names_in_packed_files_are_no_news(tmp_path: Path) -> None:
    text = f"MATTERMOST_TOKEN=your-token-here\nNOTION_TOKEN={EARLIER}\nSLACK_TEAM_ID=T{EARLIER}\n".encode()
    layout = make_layout(tmp_path, {".env": ENV, "skills/a.gz": gzip.compress(text)})
    assert not clone(layout).data["files"]["named"]
    kept = gzip.compress(f"MATTERMOST_TOKEN={EARLIER}\n".encode())
    layout = make_layout(tmp_path / "kept", {".env": ENV, "skills/a.gz": kept})
    assert not clone(layout, policy=ClonePolicy(keep=frozenset({"MATTERMOST_TOKEN"}))).data["files"]["named"]


def test_earlier_credential_in_the_log_of_a_database_stays_behind(tmp_path: Path) -> None:
    layout = make_layout(tmp_path, {".env": ENV, "skills/SKILL.md": "x\n"})
    database = sqlite3.connect(skills(layout) / "notes.db")
    try:
        database.execute("PRAGMA journal_mode=wal")
        database.execute("CREATE TABLE settings (name, value)")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("INSERT INTO settings VALUES ('MATTERMOST_TOKEN', ?)", (EARLIER,))
        database.commit()
        made = clone(layout)
    finally:
        database.close()
    assert set(made.left_behind()) == {"skills/notes.db", "skills/notes.db-wal", "skills/notes.db-shm"}
