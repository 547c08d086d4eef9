"""`export` and `import`: each other's inverse; no secret without encryption; nothing half-made after a refusal."""

from __future__ import annotations

import gzip
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from command_root import SOURCE, CommandRoot, picture
from command_runner import CANARY, Runner

from hermes_profiles.archives import compression
from hermes_profiles.archives.compression import Compression, compression_of, decompressing
from hermes_profiles.model.errors import Failed

PASSPHRASE = "correct horse battery\n"


@pytest.fixture
def work(world: CommandRoot) -> CommandRoot:
    home = world.make("work", {**SOURCE, "sessions/s1.json": "{}", "cron/jobs.json": "[]", "auth.json": "{}"})
    (home / "state.db").unlink()
    with sqlite3.connect(home / "state.db") as database:
        database.execute("CREATE TABLE messages (text)")
        database.execute("INSERT INTO messages VALUES ('hello')")
    database.close()
    (home / "nothing/inside").mkdir(parents=True)
    (home / "skills/notify/run.sh").write_text("#!/bin/sh\n")
    (home / "skills/notify/run.sh").chmod(0o755)
    (home / "skills/same").symlink_to("notify")
    (home / "skills/whole").symlink_to(home / "skills/notify")
    (home / "gateway.pid").write_text("1")
    (home / "state").mkdir()
    os.mkfifo(home / "pipe")
    for number, path in enumerate(sorted(home.rglob("*"), reverse=True)):
        if not path.is_symlink():
            os.utime(path, ns=(10**18 + number, 10**18 + number))
    return world


@pytest.fixture
def elsewhere(tmp_path: Path) -> CommandRoot:
    user = tmp_path / "elsewhere"
    user.mkdir()
    return CommandRoot(Runner(user))


def _tree(home: Path) -> dict[str, tuple[object, ...]]:
    """Return what an import must give back: kinds, modes, bytes, links and times, not those of a process."""
    found = picture(home)
    times = {path: os.lstat(home / path).st_mtime_ns for path in found}
    return {path: (*row, times[path]) for path, row in found.items()}


@pytest.mark.parametrize("lock", ["passphrase", "key"])
def test_complete_archive_gives_an_equal_profile_elsewhere(
    work: CommandRoot, elsewhere: CommandRoot, tmp_path: Path, lock: str
) -> None:
    pyrage = pytest.importorskip("pyrage", reason="the extra `archives` is not installed")
    file, before = tmp_path / "work.age", picture(work.home("work"))
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"# made today\n{identity}\n")
    how = ("--passphrase-stdin",) if lock == "passphrase" else ("--recipient", str(identity.to_public()))
    done = work.ok("export", "work", "--with-identities", *how, "-o", str(file), "--json", typed=PASSPHRASE)
    assert done.data["contents"] == "complete" and done.data["encrypted"]
    assert picture(work.home("work")) == before
    assert CANARY.encode() not in file.read_bytes() and stat.S_IMODE(file.stat().st_mode) == 0o600
    back = ("--passphrase-stdin",) if lock == "passphrase" else ("--key", str(tmp_path / "key.txt"))
    taken = elsewhere.ok("import", str(file), *back, "--json", typed=PASSPHRASE)
    assert [each["code"] for each in taken.json["warnings"]][:1] == ["holds-identities"]
    expected, found = _tree(work.home("work")), _tree(elsewhere.home("work"))
    for process in ("gateway.pid", "pipe", "state"):
        del expected[process]
    for private in (".env", "auth.json"):  # these are 0600, whatever they were
        assert found[private][0] == stat.S_IFREG | 0o600
        expected[private] = (found[private][0], *expected[private][1:])
    whole = (stat.S_IFLNK | 0o777, "notify")
    assert found.pop("skills/whole")[:2] == whole and expected.pop("skills/whole")
    expected.pop("skills/same"), found.pop("skills/same")
    assert found == expected
    with sqlite3.connect(elsewhere.home("work") / "state.db") as database:
        assert database.execute("SELECT text FROM messages").fetchall() == [("hello",)]
    database.close()
    elsewhere.ok("undo")
    assert not elsewhere.home("work").exists()


def test_shareable_archive_has_no_secret_and_says_what_it_leaves_out(
    work: CommandRoot, elsewhere: CommandRoot, tmp_path: Path
) -> None:
    home = work.home("work")
    (home / "auth.json").write_text('{"providers": {"nous": {"access_token": "CANARY-nous-0123456789"}}}')
    (home / "skills/notify/SKILL.md").write_text("use CANARY-nous-0123456789 and sk-CANARY-shared-0123456789abcdef\n")
    (home / "home/.config").mkdir(parents=True)
    (home / "home/.config/hosts.yml").write_text("oauth_token: CANARY-gh\n")
    with open(home / "config.yaml", "a") as config:
        config.write("auxiliary:\n  vision:\n    api_key: CANARY-vision-0123456789\n")
    file = tmp_path / "work.tar.gz"
    done = work.ok("export", "work", "--gzip", "-o", str(file), "--json")
    (row,) = done.data["profiles"]
    left = {each["path"]: each["reason"] for each in row["left_behind"]}
    assert {".env: OPENAI_API_KEY", "auth.json", "state.db", "home", "pipe", "weixin"} <= left.keys()
    assert left[".env: OPENAI_API_KEY"] == "a key (use --with-keys)"
    assert left[".env: TELEGRAM_BOT_TOKEN"] == "of a bot or an account (use --with-identities)"
    assert CANARY.encode() not in gzip.decompress(file.read_bytes())
    taken = elsewhere.ok("import", str(file), "--as", "other")
    assert "(use --with" not in taken.stdout, "whoever takes the file in cannot export it again"
    for command in ("connect other telegram", "env set other OPENAI_API_KEY"):
        assert f"hermes-profiles {command}\n" in taken.stdout, taken
    assert "SKILL.md" in os.listdir(elsewhere.home("other") / "skills/notify")
    assert not any(CANARY.encode() in path.read_bytes() for path in elsewhere.user.rglob("*") if path.is_file())
    assert elsewhere.names() == ["default", "other"]
    elsewhere.ok("env", "set", "other", "OPENAI_API_KEY", typed="sk-CANARY-own-0123456789abcdef\n")
    token = "TELEGRAM_BOT_TOKEN=7000000009:CANARYownCANARYownCANARYownCANARYown\nTELEGRAM_ALLOWED_USERS=7\n"
    elsewhere.ok("connect", "other", "telegram", "--offline", typed=token)


def test_two_profiles_travel_together_and_a_name_that_exists_is_refused(
    work: CommandRoot, elsewhere: CommandRoot, tmp_path: Path
) -> None:
    work.make("night", {"SOUL.md": "owl\n"})
    file = tmp_path / "both.tar.zst"
    work.ok("export", "work", "night", "-o", str(file))
    assert work.call("export", "work", "-o", str(file), "--json").problem["code"] == "exists"
    assert compression_of(file.read_bytes()[:4]) in (Compression.ZSTD, Compression.GZIP)
    assert work.call("import", str(file), "--json").problem["code"] == "exists"
    assert work.call("import", str(file), "--as", "one", "--json").code == 2
    shown = elsewhere.ok("import", str(file), "--dry-run", "--json")
    assert shown.data["dry_run"] and not (elsewhere.root / "profiles/work").exists()
    elsewhere.ok("import", str(file))
    assert elsewhere.names() == ["default", "night", "work"]
    elsewhere.ok("undo")
    assert elsewhere.names() == ["default"]
    with open(file, "rb") as raw:
        packed = decompressing(raw, compression_of(file.read_bytes()[:4]))
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            assert tar.getnames()[0] == "manifest.json"


def test_secrets_are_written_only_encrypted_and_a_wrong_passphrase_changes_nothing(
    work: CommandRoot, tmp_path: Path
) -> None:
    pytest.importorskip("pyrage", reason="the extra `archives` is not installed")
    file = tmp_path / "w.age"
    for option in ("--with-keys", "--with-identities"):
        refused = work.unchanged_by("export", "work", option, "-o", str(file), "--json", code=2)
        assert "encrypted" in refused.problem["message"] and not file.exists()
    work.ok("export", "work", "--with-keys", "--passphrase-stdin", "-o", str(file), typed=PASSPHRASE)
    before = picture(work.root, without=("errands",))
    wrong = work.call("import", str(file), "--as", "w2", "--passphrase-stdin", "--json", typed="wrong\n")
    assert wrong.code == 6 and wrong.problem["code"] == "locked" and "passphrase is wrong" in wrong.problem["message"]
    nothing = work.call("import", str(file), "--as", "w2", "--key", str(file), "--json", typed="")
    assert nothing.code == 2
    assert picture(work.root, without=("errands",)) == before
    assert [path.name for path in (work.state / "errands").iterdir() if path.is_dir()] == []
    kept = work.ok("import", str(file), "--as", "w2", "--passphrase-stdin", typed=PASSPHRASE)
    assert "w2" in kept.stdout and "OPENAI_API_KEY" in (work.home("w2") / ".env").read_text()
    assert "TELEGRAM" not in (work.home("w2") / ".env").read_text()


def test_hints_of_encrypted_files_lead_on(world: CommandRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyrage = pytest.importorskip("pyrage", reason="the extra `archives` is not installed")
    world.make("plain", {"SOUL.md": "kind\n", ".env": "", "config.yaml": "model: x\n"})
    identity, file, key = pyrage.x25519.Identity.generate(), str(tmp_path / "p.age"), tmp_path / "key.txt"
    key.write_text(f"{identity}\n")
    export = ("export", "plain", "--with-identities", "-o", file)
    monkeypatch.setattr("hermes_profiles.archives.encryption.MOST_WITH_PASSPHRASE", 10)
    large = world.call(*export, "--passphrase-stdin", "--json", typed=PASSPHRASE).problem
    assert large["code"] == "too-large" and large["hint"].startswith("use `--recipient age1…`")
    world.ok(*export, "--recipient", str(identity.to_public()))
    locked = world.call("import", file, "--as", "two", "--json").problem
    assert (locked["code"], locked["hint"]) == ("locked", "name the file of the key with `--key FILE`")
    (warning,) = world.ok("import", file, "--as", "two", "--no-alias", "--key", str(key), "--json").json["warnings"]
    assert warning["code"] == "holds-identities" and "`hermes-profiles doctor two`" in warning["hint"]
    assert world.call("doctor", "two", "--json").code in (0, 3)


def test_missing_library_is_named_with_its_install_command(
    work: CommandRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyrage", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    words = ("export", "work", "--with-keys", "--passphrase-stdin", "-o", str(tmp_path / "x"), "--json")
    problem = work.call(*words, typed=PASSPHRASE).problem
    assert problem["code"] == "no-age" and "hermes-profiles[archives]" in problem["hint"]
    work.ok("export", "work")
    (file,) = work.user.glob("work-*.tar.gz")
    assert compression_of(file.read_bytes()[:4]) is Compression.GZIP


def test_port_of_the_api_server_is_kept_where_it_is_free_and_assigned_where_it_is_taken(
    world: CommandRoot, elsewhere: CommandRoot, tmp_path: Path
) -> None:
    pytest.importorskip("pyrage", reason="the extra `archives` is not installed")
    env = "API_SERVER_ENABLED=true\nAPI_SERVER_PORT=48651\nAPI_SERVER_KEY=CANARY-api-0123456789\n"
    world.make("work", {".env": env, "SOUL.md": "kind\n"})
    file = tmp_path / "w.age"
    world.ok("export", "work", "--with-identities", "--passphrase-stdin", "-o", str(file), typed=PASSPHRASE)
    elsewhere.ok("import", str(file), "--passphrase-stdin", typed=PASSPHRASE)
    assert (elsewhere.home("work") / ".env").read_text() == env
    done = world.ok("import", str(file), "--as", "two", "--passphrase-stdin", "--json", typed=PASSPHRASE)
    (row,) = done.data["profiles"]
    (assigned,) = row["assigned"]
    assert assigned["name"] == "API_SERVER_PORT" and assigned["value"] != "48651"
    assert f"API_SERVER_PORT={assigned['value']}\n" in (world.home("two") / ".env").read_text()
    world.ok("export", "work", "-o", str(tmp_path / "s.tar"))
    elsewhere.ok("import", str(tmp_path / "s.tar"), "--as", "three")
    fresh = (elsewhere.home("three") / ".env").read_text()
    assert CANARY not in fresh and "API_SERVER_KEY=" in fresh and "API_SERVER_KEY=\n" not in fresh


def _hermes_tar(file: Path, home: Path) -> None:
    """Write a file like `hermes profile export` of Hermes 0.19.0."""
    with tarfile.open(file, "w:gz") as tar:
        tar.add(home, arcname="work", filter=lambda member: None if member.name == "work/pipe" else member)


def test_file_of_hermes_is_taken_in_as_a_clone(work: CommandRoot, elsewhere: CommandRoot, tmp_path: Path) -> None:
    (work.home("work") / "skills/away").symlink_to("/etc")
    file = tmp_path / "work.tar.gz"
    _hermes_tar(file, work.home("work"))
    done = elsewhere.ok("import", str(file), "--json")
    assert (done.data["format"], done.data["contents"]) == ("hermes", None)
    (row,) = done.data["profiles"]
    left = {each["path"]: each["reason"] for each in row["left_behind"]}
    assert {".env: TELEGRAM_BOT_TOKEN", "weixin", "state.db", "cron", "skills/away"} <= left.keys()
    env = (elsewhere.home("work") / ".env").read_text()
    assert "TELEGRAM" not in env and "OPENAI_API_KEY" in env
    assert os.readlink(elsewhere.home("work") / "skills/same") == "notify"
    assert "errands" in os.listdir(elsewhere.state) and not list((elsewhere.state / "errands").glob("*/*"))
    assert elsewhere.call("import", str(file), "--json").problem["code"] == "exists"
    elsewhere.ok("undo")
    assert not elsewhere.home("work").exists()


def _hostile(kind: bytes, name: str, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([_hostile(tarfile.REGTYPE, "/etc/x")], "not a path inside"),
        ([_hostile(tarfile.REGTYPE, "work/../../x")], "not a path inside"),
        ([_hostile(tarfile.CHRTYPE, "work/null")], "neither a file"),
        ([_hostile(tarfile.LNKTYPE, "work/hard", "/etc/passwd")], "neither a file"),
        ([_hostile(tarfile.SYMTYPE, "work/a", "/etc"), _hostile(tarfile.REGTYPE, "work/a/x")], "below a link"),
        ([_hostile(tarfile.REGTYPE, "work/a"), _hostile(tarfile.REGTYPE, "work/a")], "in it twice"),
        ([_hostile(tarfile.REGTYPE, "work/a"), _hostile(tarfile.REGTYPE, "other/a")], "two folders"),
        ([_hostile(tarfile.REGTYPE, "../a")], "not a path inside"),
    ],
)
def test_hostile_file_of_hermes_is_refused(
    elsewhere: CommandRoot, tmp_path: Path, members: list[tarfile.TarInfo], reason: str
) -> None:
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        for member in members:
            tar.addfile(member)
    problem = elsewhere.call("import", str(file), "--json").problem
    assert problem["code"] == "bad-archive" and reason in problem["message"] and str(file) in problem["message"]
    assert not (elsewhere.root / "profiles/work").exists() and not (tmp_path / "x").exists()
    (file).write_bytes(b"no tar at all")
    assert elsewhere.call("import", str(file), "--json").problem["code"] == "bad-archive"


@pytest.mark.judge
def test_file_that_real_hermes_writes_is_taken_in(work: CommandRoot, elsewhere: CommandRoot, tmp_path: Path) -> None:
    (work.home("work") / "pipe").unlink()
    code = "import sys; from hermes_cli.profiles import export_profile; export_profile('work', sys.argv[1])"
    file, environment = (
        tmp_path / "hermes.tar.gz",
        {**os.environ, "HERMES_HOME": str(work.root), "HOME": str(work.user)},
    )
    subprocess.run([sys.executable, "-c", code, str(file)], env=environment, check=True, capture_output=True)
    done = elsewhere.ok("import", str(file), "--as", "copy", "--json")
    (row,) = done.data["profiles"]
    assert row["source"] == "work" and "state.db" in {each["path"] for each in row["left_behind"]}
    assert (elsewhere.home("copy") / "SOUL.md").read_text() == "You are helpful.\n"
    default = tmp_path / "default.tar.gz"
    subprocess.run(
        [sys.executable, "-c", code.replace("'work'", "'default'"), str(default)],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    assert elsewhere.call("import", str(default), "--json").problem["code"] == "exists"
    elsewhere.ok("import", str(default), "--as", "first")


def test_name_decides_the_compression(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compression.chosen_compression("work.tar.gz", gzip=False) is compression.Compression.GZIP
    assert compression.chosen_compression("work.tar.zst", gzip=False) is compression.Compression.ZSTD
    monkeypatch.setattr(compression, "_ZSTD_MODULES", ())
    assert compression.chosen_compression("", gzip=False) is compression.Compression.GZIP
    with pytest.raises(Failed) as caught:
        compression.chosen_compression("work.tar.zst", gzip=False)
    assert caught.value.problem.code == "no-zstd" and ".tar.gz" in (caught.value.problem.hint or "")
