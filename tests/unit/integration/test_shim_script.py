"""The shim's script under every sh there is: what it passes on and to which program, without a loss."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_profiles.gateways.installation.hermes_on_path import commands_on_path, real_hermes
from hermes_profiles.gateways.installation.shim_header import Recorded, is_shim, recorded_in
from hermes_profiles.integration.shim.script import is_current, shim_script

_SHELLS = {
    "dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"], "zsh": ["zsh", "--emulate", "sh"],
    "ksh": ["ksh"],
}  # fmt: skip
SHELLS = {name: [str(shutil.which(words[0])), *words[1:]] for name, words in _SHELLS.items() if shutil.which(words[0])}
HERE: list[str] = []  # as a command, by its first line
WAYS = {"command": HERE, **SHELLS}
# A program that says who it is, and its words and variables as they are.
FAKE = """#!/bin/sh
printf '%s\\n' {name}
printf '<%s>' "$@"
printf '\\n'
exit {code}
"""
ODD = ["", " ", "two words", "a\nline", "*", "$HOME", "`id`", "-", "--", "--x=y z", "ä\u2028", "'\"\\", "\\n", "-p"]


class Answer(NamedTuple):
    who: str
    words: list[str]
    code: int
    err: str


class Scene:
    """A folder with a shim, a fake hermes and a fake hermes-profiles."""

    def __init__(self, place: Path, way: Sequence[str] = HERE) -> None:
        self.place, self.way = place, list(way)
        self.real = self.fake("real/hermes", "real")
        self.ours = self.fake("ours/hermes-profiles", "ours", code=7)
        self.shim = place / "shim" / "hermes"
        self.install()

    def fake(self, path: str, name: str, code: int = 5, text: str | None = None) -> Path:
        target = self.place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text or FAKE.format(name=name, code=code))
        target.chmod(0o755)
        return target

    def install(self, hermes: Path | str | None = None, ours: Path | None = None) -> None:
        self.shim.parent.mkdir(exist_ok=True)
        recorded = None if hermes is None else str(hermes)
        self.shim.write_bytes(shim_script(Recorded(str(ours or self.ours), recorded)))
        self.shim.chmod(0o755)

    def command(self) -> list[str]:
        return [*self.way, str(self.shim)]

    def environment(self, *path: Path | str, **more: str) -> dict[str, str]:
        folders = path or (self.shim.parent, self.real.parent, "/usr/bin", "/bin")
        return {"PATH": ":".join(map(str, folders)), **more}

    def run(self, *words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Answer:
        done = subprocess.run(
            [*self.command(), *words], env=dict(env or self.environment()), cwd=cwd or self.place,
            capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        out = os.fsdecode(done.stdout)
        who, _, given = out.partition("\n")
        words_given = given.removesuffix("\n")[1:-1].split("><") if given.strip("\n") not in ("", "<>") else []
        return Answer(who, words_given, done.returncode, os.fsdecode(done.stderr))


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return Scene(tmp_path, request.param)


@pytest.fixture
def plain(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_every_word_arrives_as_it_was_typed(scene: Scene) -> None:
    done = scene.run("chat", *ODD)
    assert done == Answer("real", ["chat", *ODD], 5, "")


def test_without_a_word_hermes_gets_none(scene: Scene) -> None:
    assert scene.run() == Answer("real", [], 5, "")


@pytest.mark.parametrize("words", [
    ["profile", "list"], ["gateways"], ["profiles", "--json"], ["doctor", "--fix"], ["-p", "work", "profile"],
    ["--profile", "work", "gateways", "status"], ["--profile=work", "doctor"], ["gateways", *ODD],
    ["-p", "profile", "doctor"], ["-p", "a", "-p", "b", "gateways"],
], ids=str)  # fmt: skip
def test_shim_runs_our_commands_with_path_of_hermes(scene: Scene, words: list[str]) -> None:
    assert scene.run(*words) == Answer("ours", ["from-hermes", str(scene.real), *words], 7, "")


@pytest.mark.parametrize("words", [
    ["gateway", "list"], ["--yolo", "profile", "list"], ["-m", "profile", "doctor"], ["chat", "doctor"], ["-p"],
    ["-p", "work"], ["-p", "doctor"], ["--", "doctor"], ["", "doctor"], ["-pwork", "doctor"], ["profile\n"],
    ["--version"], ["-h"], ["completion", "bash"], ["--profile"], ["-p", "profile"], ["Profile"],
], ids=str)  # fmt: skip
def test_shim_passes_other_commands_to_hermes(scene: Scene, words: list[str]) -> None:
    assert scene.run(*words) == Answer("real", words, 5, "")


@pytest.mark.parametrize("more", [{"HERMES_PROFILES_SHIM": "off"}, {"_HERMES_GATEWAY": "1"}], ids=str)
def test_a_switch_and_a_gateway_hand_everything_to_hermes(scene: Scene, more: dict[str, str]) -> None:
    for words in (["profile", "list"], ["gateways", "stop"], ["-p", "work", "doctor"]):
        assert scene.run(*words, env=scene.environment(**more)) == Answer("real", words, 5, "")


def test_other_values_of_the_switch_do_nothing(scene: Scene) -> None:
    assert scene.run("doctor", env=scene.environment(HERMES_PROFILES_SHIM="on", _HERMES_GATEWAY="0")).who == "ours"


def test_the_environment_arrives_as_it_was(scene: Scene) -> None:
    dump = "#!/bin/sh\nexec /usr/bin/env -0\n"
    scene.fake("real/hermes", "", text=dump)
    given = scene.environment(A="", B="two\nlines ", C="$x `y` '", ENV="/nowhere", CDPATH="/", PWD=str(scene.place))
    done = subprocess.run(
        [*scene.command(), "-p", "x", "chat"], env=given, cwd=scene.place, capture_output=True, check=True
    )
    found = dict(part.split("=", 1) for part in done.stdout.decode().split("\0") if part)
    for name in ("SHLVL", "_", "OLDPWD", "LOGNAME"):  # what each shell counts or keeps for itself
        found.pop(name, None)
    assert found == given


def test_standard_input_goes_through_untouched(scene: Scene) -> None:
    scene.fake("real/hermes", "", text="#!/bin/sh\nexec cat\n")
    for words in (["chat"], ["-p", "x", "send"]):
        sent = os.urandom(100_000)
        done = subprocess.run(
            [*scene.command(), *words], env=scene.environment(), input=sent, capture_output=True, check=True
        )
        assert done.stdout == sent and done.stderr == b""


def test_hermes_takes_the_place_of_the_script(scene: Scene) -> None:
    scene.fake("real/hermes", "", text="#!/bin/sh\necho $$\nexec sleep 30\n")
    for words in (["gateway", "run"], ["-p", "x", "gateway", "run"]):
        process = subprocess.Popen([*scene.command(), *words], env=scene.environment(), stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
        process.stdout.close()


@pytest.mark.parametrize("code", [0, 1, 2, 3, 75, 126, 127, 130, 255])
def test_the_exit_code_is_that_of_hermes(scene: Scene, code: int) -> None:
    scene.fake("real/hermes", "real", code=code)
    scene.fake("ours/hermes-profiles", "ours", code=code)
    assert scene.run("x").code == scene.run("doctor").code == code


# --- which hermes ---------------------------------------------------------------------------------------------------


def test_two_shims_never_hand_to_each_other(scene: Scene) -> None:
    other = scene.place / "other" / "hermes"
    other.parent.mkdir()
    other.write_bytes(shim_script(Recorded("/nowhere/hermes-profiles", str(scene.shim))))
    other.chmod(0o755)
    scene.install(hermes=other)
    for order in ((scene.shim.parent, other.parent), (other.parent, scene.shim.parent)):
        assert scene.run("x", env=scene.environment(*order, scene.real.parent, "/bin")).who == "real"
        alone = scene.run("x", env=scene.environment(*order, "/bin"))
        assert alone.code == 127 and "no other hermes" in alone.err and "hint: " in alone.err


def test_links_to_the_shim_and_to_its_folder_are_the_shim(scene: Scene) -> None:
    (scene.place / "linked").symlink_to(scene.shim.parent)
    (scene.place / "bin").mkdir()
    (scene.place / "bin" / "hermes").symlink_to(scene.shim)
    path = (scene.place / "linked", scene.shim.parent, scene.place / "bin", scene.real.parent, "/bin")
    assert scene.run("x", env=scene.environment(*path)).who == "real"
    scene.shim = scene.place / "bin" / "hermes"
    assert scene.run("x", env=scene.environment(*path)).who == "real"


@pytest.mark.parametrize("path", ["shim:real", "./shim:./real", "::shim/../real", "shim/:real/:", ":shim:real"])
def test_relative_and_empty_entries_of_path_are_what_a_shell_makes_of_them(scene: Scene, path: str) -> None:
    (scene.place / "hermes").mkdir()  # a folder of that name is no command
    done = scene.run("x", env={"PATH": f"{path}:/usr/bin:/bin"})
    assert done.who == "real"


def test_an_empty_entry_of_path_is_the_folder_we_are_in(scene: Scene) -> None:
    scene.fake("here/hermes", "here")
    for path in (f"{scene.shim.parent}::{scene.real.parent}", f":{scene.real.parent}", f"{scene.shim.parent}:"):
        assert scene.run("x", env={"PATH": path}, cwd=scene.place / "here").who == "here"


def test_what_cannot_be_run_is_passed_over(scene: Scene) -> None:
    for number, make in enumerate(("folder", "mode", "dangling", "loop", "fifo")):
        place = scene.place / str(number) / "hermes"
        place.parent.mkdir()
        if make == "folder":
            place.mkdir()
        elif make == "mode":
            place.write_text("#!/bin/sh\necho wrong\n")
        elif make == "fifo":
            os.mkfifo(place, 0o755)
        else:
            place.symlink_to("hermes" if make == "loop" else "nowhere")
    path = (scene.shim.parent, *(scene.place / str(number) for number in range(5)), scene.real.parent, "/bin")
    assert scene.run("x", env=scene.environment(*path)).who == "real"


def test_a_binary_hermes_is_no_shim(plain: Scene) -> None:
    shutil.copy("/bin/echo", plain.real)
    done = subprocess.run([plain.shim, "a", "b"], env=plain.environment(), capture_output=True, check=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a b\n", b"")


def test_the_place_known_from_the_installation_is_the_last_resort(scene: Scene) -> None:
    scene.install(hermes=scene.real)
    bare = scene.environment(scene.shim.parent, "/bin")
    assert scene.run("x", env=bare).who == "real"
    assert scene.run("x", env={"PATH": ""}).who == "real"
    first = scene.fake("first/hermes", "first")
    assert scene.run("x", env=scene.environment(scene.shim.parent, first.parent)).who == "first"
    scene.real.chmod(0o644)
    done = scene.run("x", env=bare)
    assert done.code == 127 and str(scene.real) in done.err


def test_shim_without_hermes_runs_our_commands(scene: Scene) -> None:
    bare = scene.environment(scene.shim.parent, "/bin")
    assert scene.run("profile", "list", env=bare) == Answer("ours", ["from-hermes", "", "profile", "list"], 7, "")
    done = scene.run("chat", env=bare)
    assert done.code == 127 and done.who == "" and len(done.err.splitlines()) == 2


# --- when we are gone -----------------------------------------------------------------------------------------------


def gone(scene: Scene, how: str) -> None:
    if how == "removed":
        shutil.rmtree(scene.ours.parent)
    elif how == "mode":
        scene.ours.chmod(0o644)
    elif how == "folder":
        scene.ours.unlink()
        scene.ours.mkdir()
    else:
        scene.ours.write_text("#!/nowhere/bin/python3 -x\n")


@pytest.mark.parametrize("how", ["removed", "mode", "folder", "interpreter"])
def test_when_our_program_is_gone_hermes_gets_everything(scene: Scene, how: str) -> None:
    gone(scene, how)
    done = scene.run("-p", "x", "profile", "list")
    assert done[:3] == ("real", ["-p", "x", "profile", "list"], 5)
    assert str(scene.ours) in done.err and "hint: " in done.err and len(done.err.splitlines()) == 2
    assert scene.run("chat", "profile") == Answer("real", ["chat", "profile"], 5, ""), "not a word about other words"


def test_the_hint_of_a_shim_that_was_left_behind_works(plain: Scene) -> None:
    gone(plain, "removed")
    hint = plain.run("doctor").err.split("`")[1]
    subprocess.run(hint, shell=True, check=True, cwd=plain.place)
    assert not plain.shim.exists()


# --- the text -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(blacklist_characters="/\0\n:", blacklist_categories=("Cs",)), min_size=1, max_size=20)
)
def test_any_path_is_written_so_that_sh_reads_it(tmp_path: Path, name: str) -> None:
    if name in (".", ".."):
        return
    place = tmp_path / f"x{len(list(tmp_path.iterdir()))}" / name
    place.mkdir(parents=True)
    scene = Scene(place)
    scene.install(hermes=scene.real)
    assert scene.run("x", env={"PATH": "/usr/bin:/bin"}).who == "real"
    assert scene.run("doctor", env={"PATH": "/bin"}).words[1] == str(scene.real)


@given(st.lists(st.text(st.characters(blacklist_characters="\0\n\r", blacklist_categories=("Cs",))), max_size=3))
def test_recorded_in_returns_what_the_script_records(paths: list[str]) -> None:
    for recorded in (Recorded("/x y/'p'", '/h"$\\', tuple(paths)), Recorded("/p", None, tuple(paths))):
        raw = shim_script(recorded)
        assert is_shim(raw) and recorded_in(raw) == recorded and is_current(raw)
        assert not is_current(raw + b"\n") and not is_current(raw.replace(b"exec", b"exit", 1))


def test_what_is_no_shim_is_not_taken_for_one() -> None:
    raw = shim_script(Recorded("/p", "/h"))
    for other in (b"", b"#!/bin/sh\n", b"\x7fELF\n# hermes-profiles shim 1\n", b"\n" + raw, raw[1:], FAKE.encode()):
        assert not is_shim(other) and recorded_in(other) is None and not is_current(other)
    assert recorded_in(raw.replace(b"_hps_ours=", b"_hps_ours='")) is None, "a quote without its end"


def test_python_finds_the_same_hermes_as_the_script(plain: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plain.real.parent)  # without any PATH it is not looked for in the folder we are in
    other = plain.fake("other/hermes", "other")
    shims = (plain.shim.parent, plain.place / "linked")
    (plain.place / "linked").symlink_to(plain.shim.parent)
    for path, wanted in (
        ((*shims, plain.real.parent, other.parent), str(plain.real)),
        ((other.parent, *shims, plain.real.parent), str(other)),
        (shims, None),
    ):
        assert real_hermes(plain.environment(*path)) == wanted
    plain.install(hermes=plain.real)
    assert real_hermes(plain.environment(*shims)) == str(plain.real)
    assert real_hermes({"PATH": ""}) is None and real_hermes({}) is None
    assert list(commands_on_path(plain.environment(*shims))) == [f"{folder}/hermes" for folder in shims]
    plain.install(hermes=plain.shim)
    assert real_hermes(plain.environment(*shims)) is None, "a shim that knows itself"


def test_its_cost_is_that_of_a_shell() -> None:
    """The script forks nothing: an unbounded number of entries of PATH costs system calls alone."""
    raw = shim_script(Recorded("/p", "/h"))
    body = raw[raw.index(b"_hps_is_shim") :]
    assert b"$(" not in body and b"|" not in body.replace(b"||", b"").replace(b" | ", b"")
    assert b"`" not in body.replace(b"\\`", b"").replace(b"`hermes` on PATH", b"")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_accepts_the_shim(plain: Scene) -> None:
    done = subprocess.run(["shellcheck", plain.shim], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_shim_on_a_long_path_is_quick(plain: Scene) -> None:
    folders = [plain.place / f"p{number}" for number in range(200)]
    for folder in folders:
        folder.mkdir()
    env = plain.environment(plain.shim.parent, *folders, plain.real.parent)
    started = time.monotonic()
    assert plain.run("x", env=env).who == "real"
    assert time.monotonic() - started < 5
