"""Output streams: the answer on stdout, the rest on stderr; closed pipes, full disks, ASCII locales."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from command_root import CommandRoot

ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_answer_is_on_stdout_and_messages_on_stderr(world: CommandRoot) -> None:
    (world.root / "active_profile").write_text("gone\n")
    done = world.ok("list", "--json")
    assert json.loads(done.stdout)["warnings"] and done.stderr == ""
    done = world.ok("list")
    assert "warning:" not in done.stdout and done.stderr.count("warning:") == 1 and "\nhint: " in done.stderr
    done = world.ok("create", "work", "--clone-from", "default", "--json")
    assert done.stderr == "" and done.json["data"]["profile"] == "work"
    done = world.call("show", "nobody")
    assert done.stdout == "" and done.stderr.startswith("error: ") and done.code == 5


def test_source_note_is_not_in_json_output(world: CommandRoot) -> None:
    done = world.ok("create", "work", "--clone", "--json")
    assert done.json["data"]["source"] == "default" and done.stderr == "cloning default (the default profile)\n"


def test_closed_pipe_is_no_error(world: CommandRoot) -> None:
    for number in range(120):
        world.make(f"p{number:03}", {".env": ""})
    for given in (("list",), ("list", "--json"), ("catalog", "--json"), ("list", "--names")):
        with world.process(*given) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0


def test_closed_pipe_keeps_exit_code(world: CommandRoot) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with world.process("show", "nobody", "--json", stdout=writer) as process:
        os.close(writer)
        process.communicate()
    assert process.returncode == 5


def test_full_disk_for_stdout_is_error(world: CommandRoot) -> None:
    for given in (("list",), ("list", "--json"), ("list", "--names")):
        with open("/dev/full", "wb") as full:
            done = world.run(*given, stdout=full)
        assert done.code == 1 and done.stderr == "error: cannot write the answer: no space left on device\n"


def test_full_disk_for_stderr_keeps_exit_code(world: CommandRoot) -> None:
    from command_runner import COMMAND

    for words, code in (("show nobody", 5), ("delete default --yes", 6), ("list", 0), ("frob", 2)):
        done = subprocess.run(
            f"{' '.join(COMMAND)} {words} 2>/dev/full", shell=True, env=world.runner.environment, cwd=world.user,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, (words, done)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cause_no_traceback(world: CommandRoot, closed: str) -> None:
    from command_runner import COMMAND

    for words, code in (("list --json", 0), ("create work", 0), ("delete work", 6), ("delete work --yes", 0)):
        script = f"{' '.join(COMMAND)} {words} {closed}"
        done = subprocess.run(
            script, shell=True, env=world.runner.environment, cwd=world.user, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code and "Traceback" not in done.stderr, (words, done)
    assert not [path for path in world.user.rglob("*") if path.is_file() and b"kept:" in path.read_bytes()]


def test_ascii_locale_gets_json_and_text(world: CommandRoot) -> None:
    world.ok("create", "work", "--description", "для семьи 家 😀 é")
    done = world.run("list", "--json", env=ASCII)
    assert done.code == 0 and done.json["data"]["profiles"][1]["description"] == "для семьи 家 😀 é"
    done = world.run("show", "work", env=ASCII)
    assert done.code == 0 and "\\u0434" in done.stdout and done.stderr == ""
    assert world.run("list", env=ASCII).code == 0


def test_utf8_output_is_unescaped(world: CommandRoot) -> None:
    world.ok("create", "work", "--description", "для семьи 家　é")
    assert "для семьи 家　é" in world.run("show", "work").stdout
    assert "для семьи" in world.run("list", "--json").stdout


def test_undecodable_names_are_printed(world: CommandRoot) -> None:
    raw = os.fsencode(world.root) + b"/skills/\xff\xfe.bin"
    Path(os.fsdecode(raw)).write_bytes(b"\x00" + (world.root / "memories/MEMORY.md").read_bytes())
    done = world.run("clone", "default", "work", "--json")
    assert done.code == 0 and any("\udcff" in row["path"] for row in done.data["files"]["left_behind"])
    assert world.run("clone", "default", "work-2").code == 0
    assert world.run("show", "w\udcff").code == 2


def test_control_characters_in_file_names_are_escaped(world: CommandRoot) -> None:
    name = "evil\x1b[2J\x9b1A\u202egnp"
    (world.root / "skills" / name).write_bytes(b"\x00" + (world.root / "memories/MEMORY.md").read_bytes())
    (world.root / "profile.yaml").write_text('description: "a\\e[31mb"\n')
    for given in (("clone", "default", "work"), ("show", "default"), ("list",), ("explain", "TELEGRAM_BOT_TOKEN")):
        done = world.ok(*given)
        assert not set("\x1b\x9b\u202e") & set(done.stdout + done.stderr)
    assert "\x1b" not in world.ok("clone", "default", "work-2", "--json").stdout


def test_internal_error_is_one_sentence_without_traceback(world: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    from hermes_profiles.operations.profiles import list_profiles

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CANARY-value-in-a-message")

    monkeypatch.setattr(list_profiles, "profile_names", broken)
    done = world.call("list")
    assert done.code == 1 and done.stdout == ""
    assert done.stderr.startswith("error: a fault of this program: RuntimeError\nhint: ")
    assert world.call("list", "--json").problem["code"] == "internal"
    with pytest.raises(RuntimeError):
        world.call("list", env={"HERMES_PROFILES_DEBUG": "1"})


def test_debug_prints_traceback_of_refusal(world: CommandRoot) -> None:
    world.runner.environment["HERMES_PROFILES_DEBUG"] = "1"
    assert "Traceback" in world.run("show", "nobody").stderr
    del world.runner.environment["HERMES_PROFILES_DEBUG"]
    assert "Traceback" not in world.run("show", "nobody").stderr


def test_table_in_pipe_is_neither_cut_nor_wrapped(world: CommandRoot) -> None:
    world.ok("create", "a" * 64, "--no-alias")
    (world.home("a" * 64) / "config.yaml").write_text("model: " + "m" * 90 + "\n")
    line = next(line for line in world.run("list").stdout.splitlines() if "aaa" in line)
    assert "a" * 64 in line and "m" * 90 in line and "\x1b" not in line
