"""Completion candidates: equal to the answers of the commands, and none on an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_runner import Runner, assert_no_canary
from gateway_root import GatewayRoot
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.cli.completion import candidates, command_tree
from hermes_profiles.cli.completion.candidates import answer
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_meta

KINDS = (*sorted(command_tree.LIVE), command_tree.OWNER, command_tree.CHANNEL, command_tree.LOGIN)


@pytest.fixture
def root(isolated: Path) -> Path:
    place = isolated / ".hermes"
    for name in ("work", "night", "family"):
        (place / "profiles" / name).mkdir(parents=True)
    return place


@pytest.fixture
def gateway() -> Iterator[int]:
    """The pid of a process with the arguments of a gateway."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)", "hermes", "gateway", "run"])
    yield process.pid
    process.kill()
    process.wait()


def ask(kind: str, *line: str, shell: str = "fish") -> list[tuple[str, str]]:
    text = answer([shell, kind, *(line or ("",))])
    assert text == "" or text.endswith("\n")
    return [(word, about) for word, _, about in (each.partition("\t") for each in text.splitlines())]


def names(kind: str, *line: str, shell: str = "fish") -> list[str]:
    return [word for word, _ in ask(kind, *line, shell=shell)]


def write_pid(root: Path, profile: str, pid: int, *, start: float | None = None, spelled: str | None = None) -> None:
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19] if start is None else start
    home = root if profile == "default" else root / "profiles" / profile
    (home / "gateway.pid").write_text(spelled or f'{{"pid": {pid}, "argv": ["pid"], "start_time": {ticks}}}')


PATHS = st.lists(st.sampled_from(["/", "profiles", "a", "..", ".", "~", "x y", "profiles/b", ".hermes"]), max_size=5)


@settings(max_examples=200, deadline=None)
@given(parts=PATHS, by_option=st.booleans())
def test_completion_uses_root_of_commands(parts: list[str], by_option: bool) -> None:
    given_home = "/".join(parts).replace("//", "/").replace("//", "/")
    if by_option and not given_home.strip():
        return
    before = os.environ.get("HERMES_HOME")
    line = ["--home", given_home, ""] if by_option else [""]
    if not by_option:
        os.environ["HERMES_HOME"] = given_home
    try:
        found = candidates._layout([*line], "fish")
    finally:
        os.environ.pop("HERMES_HOME", None)
        if before is not None:
            os.environ["HERMES_HOME"] = before
    environment = {"PWD": os.getcwd()} | ({} if by_option else {"HERMES_HOME": given_home})
    wanted = Layout.from_environment(
        environment, user_home=Path(os.environ["HOME"]), platform="linux", home=given_home if by_option else None
    )  # fmt: skip
    assert found is not None and found.root == wanted.root


def test_completed_profiles_match_list_names(root: Path, runner: Runner) -> None:
    (root / "profiles" / "Bad Name").mkdir()
    (root / "profiles" / "a-file").touch()
    (root / "profiles" / "loop").symlink_to("loop")
    (root / "profiles" / "linked").symlink_to(root / "profiles" / "work")
    assert tuple(names("profile")) == profile_names(Layout(root, root.parent))
    assert names("profile") == runner.ok("list", "--names").stdout.split()
    assert names("named") == ["family", "linked", "night", "work"]


def test_missing_or_unreadable_root_offers_nothing(isolated: Path) -> None:
    of_roots = [kind for kind in KINDS if kind not in (command_tree.PLACE, command_tree.PLACES)]
    assert all(ask(kind) == [] for kind in of_roots)
    (isolated / ".hermes").write_text("a file")
    assert all(ask(kind) == [] for kind in of_roots)


def test_names_on_line_are_not_offered_again(root: Path) -> None:
    assert names("profile", "work", "--except", "night", "") == ["default", "family"]
    # A group can have the name of its own member.
    assert names("member", "work", "night", "") == ["default", "family", "work"]
    assert names("profiles", "work,") == ["work,all", "work,default", "work,family", "work,night"]
    assert names("profiles", "--from", "default", "work,night,f") == ["work,night,all", "work,night,family"]
    assert names("owner", "telegram=") == [f"telegram={name}" for name in ("default", "family", "night", "work")]


@pytest.mark.parametrize(("word", "meant"), [
    ("plain", "plain"), ("'a b'", "a b"), ('"a b"', "a b"), ("a\\ b", "a b"), ("'it'\\''s'", "it's"), ('"\\$x"', "$x"),
    ('"a\\b"', "a\\b"), ("$HOME/x", "{home}/x"), ("${HOME}/x", "{home}/x"), ('"$HOME"/x', "{home}/x"),
    ("'$HOME'", "$HOME"),
    ("$NOT_SET", ""), ("$(x)", None), ("`x`", None), ('"$(x)"', None), ("$'x'", None), ("${HOME:-x}", None), ("$1", ""),
    ("'$(x)'", "$(x)"), ("\\$\\(x\\)", "$(x)"), ("a\\", "a\\"), ("'open", "open"),
])  # fmt: skip
def test_quotes_are_removed_like_in_shell(word: str, meant: str | None) -> None:
    expected = meant.replace("{home}", os.environ["HOME"]) if meant is not None else None
    assert candidates._unquoted(word, "bash") == expected and candidates._unquoted(word, "zsh") == expected
    assert candidates._unquoted(word, "fish") == word


def test_unresolved_home_offers_nothing(root: Path) -> None:
    for word in ("$(echo x)", "", "$NOT_SET_ANYWHERE"):
        assert names("profile", "--home", word, "", shell="bash") == []
    assert names("profile", "--home=", "", shell="zsh") == []
    # The value at the cursor is incomplete.
    assert names("profile", "--home", "")


def test_state_needs_pid_start_time_and_home(root: Path, gateway: int) -> None:
    write_pid(root, "work", gateway)
    assert dict(ask("gateway")) == {"default": "stopped", "family": "stopped", "night": "stopped",
                                    "work": f"running, pid {gateway}"}  # fmt: skip
    write_pid(root, "work", gateway, start=1)  # the pid is reused by another process
    assert dict(ask("gateway"))["work"] == "stopped"
    write_pid(root, "work", gateway, spelled=str(gateway))  # the format of old releases
    assert dict(ask("gateway"))["work"].startswith("running")
    with subprocess.Popen(["sleep", "120"]) as other:  # alive, but not a gateway, and without a start time
        write_pid(root, "work", other.pid, spelled=str(other.pid))
        found = dict(ask("gateway"))
        other.kill()
    assert found["work"] == "stopped"


def test_copied_pid_file_is_not_running_gateway(root: Path) -> None:
    environment = os.environ | {"HERMES_HOME": str(root / "profiles" / "work")}
    code = "import time; time.sleep(120)"
    with subprocess.Popen([sys.executable, "-c", code, "hermes", "gateway", "run"], env=environment) as process:
        try:
            for _ in range(500):
                if b"HERMES_HOME" in Path(f"/proc/{process.pid}/environ").read_bytes():
                    break
                time.sleep(0.01)  # the file is being created
            for name in ("work", "night"):
                write_pid(root, name, process.pid)
            found = dict(ask("gateway"))
        finally:
            process.kill()
    assert found["work"].startswith("running") and found["night"] == "stopped"


def test_candidates_are_ordered_and_selected_by_state(root: Path, gateway: int) -> None:
    write_pid(root, "night", gateway)
    assert names("running")[0] == "night" and names("stopped")[-1] == "night"
    assert names("running", shell="bash") == ["night"]
    assert names("stopped", shell="bash") == ["default", "family", "work"]
    assert names("running", "w", shell="bash") == ["work"], "a typed prefix is used literally"
    assert names("gateway", "", shell="bash") == ["default", "family", "night", "work"]


def test_profiles_of_multiplexer_are_not_marked_stopped(root: Path, gateway: int) -> None:
    (root / "config.yaml").write_text("gateway:\n  multiplex_profiles: true\n")
    write_pid(root, "default", gateway)
    assert dict(ask("gateway")) == {"default": f"running, pid {gateway}", "family": "", "night": "", "work": ""}


@pytest.mark.parametrize("text", [
    "", "{", "CANARY", '{"pid": "x"}', '{"pid": -1}', '{"pid": 0}', '{"pid": 99999999999999999999}', "[]", "\0" * 9,
    "²", '{"pid": 1.5e9, "start_time": null}', "-1", '{"pid":1', "１２",
])  # fmt: skip
def test_invalid_pid_file_is_stopped_gateway(root: Path, text: str) -> None:
    (root / "profiles" / "work" / "gateway.pid").write_text(text)
    assert dict(ask("gateway"))["work"] in ("stopped", "running, pid 1")


@pytest.mark.parametrize("text", [
    "groups:\n  family: true\n", "groups: {family: true, out: false}\n", "groups: [family]\n", "groups:\n- family\n",
    "groups:\n  - family # mine\n", 'a: 1\ngroups:\n  "family": true\n  out: false\nb: 2\n', "groups: family\n",
    "description: |\n  groups:\n    not: true\ngroups:\n  family: yes\n", "groups: ['family']  # x\n",
])  # fmt: skip
def test_completed_groups_match_other_readers(root: Path, text: str) -> None:
    (root / "profiles" / "work" / "profile.yaml").write_text(text)
    assert read_meta(root / "profiles" / "work")[1] == ("family",)
    assert ask("group") == [("family", "work")]


def test_groups_that_need_quotes_are_not_offered(root: Path) -> None:
    (root / "profiles" / "work" / "profile.yaml").write_text("groups:\n  'our $(touch x)': true\n  fine: true\n")
    assert names("group") == ["fine"]


def test_completed_trash_and_changes_match_stored_ones(root: Path, runner: Runner) -> None:
    layout = Layout(root, root.parent)
    runner.ok("delete", "work", "--yes")
    runner.ok("use", "night")
    runner.ok("use", "default")
    runner.ok("undo")
    entries = trash_entries(layout)
    assert names("trash") == [entry.id for entry in entries] and names("trashed") == ["work"]
    assert all(about.startswith("deleted 20") for _, about in ask("trash"))
    assert runner.ok("restore", names("trashed")[0], "--dry-run").code == 0
    offered = ask("change")
    done = [entry for entry in Journal(layout.state).entries() if entry.status.value == "done"]
    assert offered == [(entry.id, entry.summary) for entry in done] and len(done) == 3
    assert runner.ok("undo", offered[0][0], "--dry-run").code == 0


def test_hostile_names_in_state_folder_are_not_offered(root: Path, runner: Runner) -> None:
    runner.ok("use", "night")
    state = root / "profiles" / ".hermes-profiles"
    (state / "trash" / "20261121T100000Z-0001-$(touch x)" / "home").mkdir(parents=True)
    (state / "trash" / "20261121T100000Z-0002-work" / "home").mkdir(parents=True)
    (entry,) = (state / "journal").glob("*.json")
    content = json.loads(entry.read_text())
    entry.write_text(json.dumps(content | {"summary": "a \x1b[31m b"}))
    (state / "journal" / "20261121T100000Z-0002.json").write_text('{"status": "done", "summary": "no entry"}')
    (state / "journal" / "x;y.json").write_text(entry.read_text())
    assert names("trash") == ["20261121T100000Z-0002-work"] and names("trashed") == ["work"]
    assert ask("change") == [(entry.stem, "")]


def test_user_channels_are_offered(root: Path, isolated: Path) -> None:
    file = isolated / ".config" / "hermes-profiles" / "catalog.toml"
    file.parent.mkdir(parents=True)
    valid = '[channels.acme]\nprefixes = ["ACME_"]\n[channels.acme.keys]\nACME_TOKEN = "identity_credential"\n'
    file.write_text(valid)
    assert names("channel") == names("login") == ["acme"]
    file.write_text(valid + '[channels."$(x)"]\n')  # every command refuses this file
    assert names("channel") == []


def test_secrets_and_control_characters_are_not_offered(root: Path) -> None:
    home = root / "profiles" / "work"
    (home / ".env").write_text("TELEGRAM_BOT_TOKEN=CANARY-1\nKEY='a\nCANARY=b'\n")
    (home / "profile.yaml").write_text("description: CANARY\ngroups:\n  x: true\nCANARY: true\n")
    (home / "gateway.pid").write_text('{"pid": "CANARY", "start_time": "CANARY"}')
    (root / "config.yaml").write_text("token: CANARY\n")
    for kind in KINDS:
        for shell in ("bash", "zsh", "fish"):
            text = answer([shell, kind, ""])
            assert_no_canary(text, kind)
            assert all(letter.isprintable() or letter in "\n\t" for letter in text)


@given(st.lists(st.text(max_size=8), max_size=5))
def test_any_completion_request_raises_nothing(words: list[str]) -> None:
    assert isinstance(answer(words), str)
    for shell in ("bash", "fish"):
        assert isinstance(answer([shell, "gateway", *words]), str)


def test_fifo_does_not_block_completion(root: Path) -> None:
    for name in ("gateway.pid", "profile.yaml"):
        os.mkfifo(root / "profiles" / "work" / name)
    os.mkfifo(root / "config.yaml")
    assert dict(ask("gateway"))["work"] == "stopped" and names("group") == []


def test_completion_process_prints_only_candidates(runner: Runner, root: Path) -> None:
    for arguments in ((), ("fish",), ("fish", "frob"), ("fish", "profile"), ("tcsh", "profile", "")):
        for command in ("hermes_profiles.cli", "hermes_profiles.cli.gateways"):
            done = runner.run("__complete", *arguments, command=(sys.executable, "-m", command))
            assert done.code == 0 and done.stderr == "", arguments
    closed = runner.run("__complete", "fish", "profile", "", env={"HOME": str(root.parent)}, stdout=subprocess.DEVNULL)
    assert closed.code == 0 and closed.stderr == ""


def test_completion_state_agrees_with_status(fleet: GatewayRoot) -> None:
    fleet.profile("work", "family")
    fleet.gok("install", "work", "night")
    fleet.gok("start", "work")
    rows = {row["profile"]: row for row in fleet.gateways("status", "--json").data["gateways"]}
    text = fleet.run("__complete", "fish", "running", "").stdout
    offered = dict(line.split("\t") for line in text.splitlines())
    assert offered["work"] == f"running, pid {rows['work']['pid']}" and next(iter(offered)) == "work"
    assert set(offered) == set(rows)
    assert {name for name, about in offered.items() if about == "stopped"} == {
        name for name, row in rows.items() if row["state"] == "stopped"
    }
    fleet.gok("stop", "work")
    assert "running" not in fleet.run("__complete", "fish", "running", "").stdout
