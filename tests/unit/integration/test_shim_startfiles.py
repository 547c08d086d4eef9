"""The line of the shim in start files of shells: real shells read it, and it goes again byte for byte."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.integration.shim.shell_rc import (
    SHELLS,
    EditedBlock,
    block_in,
    is_as_written,
    path_line,
    start_file,
    with_block,
    without_block,
)

LINE = "export PATH=x"
MARK = b"# >>> hermes-profiles shim"
CONTENT = st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)).filter(
    lambda raw: b"hermes-profiles shim" not in raw
)


@given(CONTENT)
def test_what_was_written_goes_again_byte_for_byte(raw: bytes) -> None:
    after = with_block(raw, LINE)
    assert after.startswith(raw) and after.endswith(b"shim <<<\n") and b"\nexport PATH=x\n" in after
    assert with_block(after, LINE) == after, "a second time changes nothing"
    assert without_block(after) == raw
    assert without_block(raw) == raw


def test_a_file_that_was_made_for_it_goes_unless_something_was_added() -> None:
    made = with_block(None, LINE)
    assert without_block(made) is None
    assert without_block(made + b"alias x=y\n") == b"alias x=y\n"
    assert without_block(b"# mine\n" + made) == b"# mine\n"
    assert without_block(with_block(b"", LINE)) == b"", "an empty file of the user's stays one"


@given(CONTENT, CONTENT)
def test_what_was_written_after_it_stays_on_lines_of_its_own(before: bytes, after: bytes) -> None:
    left = without_block(with_block(before, LINE) + after)
    assert left is not None and left.startswith(before) and left.endswith(after)
    if after and before and not before.endswith(b"\n"):
        assert left == before + b"\n" + after, "two lines of the user never become one"


def test_a_line_that_hermes_uninstall_took_out_is_no_change_by_hand() -> None:
    emptied = with_block(b"a\n", LINE).replace(b"export PATH=x\n", b"")
    block = block_in(emptied)
    assert block is not None and is_as_written(block, LINE)
    assert with_block(emptied, LINE) == with_block(b"a\n", LINE) and without_block(emptied) == b"a\n"


def test_changes_between_the_marks_are_seen() -> None:
    raw = with_block(b"a\n", LINE)
    for changed in (raw.replace(b"PATH=x", b"PATH=y"), raw.replace(b"export", b"echo hi\nexport")):
        block = block_in(changed)
        assert block is not None and not is_as_written(block, LINE)
    for changed in (
        raw + raw, raw.replace(MARK, b"# >>>"), raw.replace(b"# <<< hermes-profiles shim <<<\n", b""),
        b"# <<< hermes-profiles shim <<<\n" + raw, raw[raw.index(b"export") :],
    ):  # fmt: skip
        with pytest.raises(EditedBlock) as caught:
            block_in(changed)
        assert changed.split(b"\n")[caught.value.line - 1].startswith((b"# >>> hermes", b"# <<< hermes"))
    assert block_in(b"echo '# >>> hermes-profiles shim >>>'\n") is None, "a mark begins its line"


SETUPS = {
    "bash": ["bash", "--noprofile", "--rcfile", "{file}", "-i", "-c"],
    "zsh": ["zsh", "-i", "-c"],
    "fish": ["fish", "-i", "-c"],
}
FOLDERS = ["shim", "a b/c d", "it's", '$HOME`x`"y"', "back\\slash", "glob*[a]?", "ünï", "-dash", "~tilde", "sp;&|<>()"]


def path_in(shell: str, home: Path, path: str) -> list[str]:
    """Return PATH as an interactive shell of this kind has it after its start file."""
    file = start_file(shell, home, {}, "linux")
    command = [word.format(file=file) for word in SETUPS[shell]]
    say = "printf '%s\\n' $PATH" if shell == "fish" else 'printf "%s\\n" "$PATH"'
    done = subprocess.run(
        [str(shutil.which(command[0])), *command[1:], say], capture_output=True, text=True, timeout=60, check=True,
        env={"HOME": str(home), "PATH": path, "TERM": "dumb", "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL, cwd=home,
    )  # fmt: skip
    lines = done.stdout.rstrip("\n").splitlines()
    return lines if shell == "fish" else lines[-1].split(":")


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_real_shells_put_the_folder_in_front_once(tmp_path: Path, shell: str, name: str) -> None:
    folder = tmp_path / "data" / name
    folder.mkdir(parents=True)
    for home in (tmp_path, tmp_path / "other"):  # below the home folder, and elsewhere
        file = start_file(shell, home, {}, "linux")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(with_block(None, path_line(shell, folder, home)))
        assert path_in(shell, home, "/usr/bin:/bin")[:3] == [str(folder), "/usr/bin", "/bin"]
        assert path_in(shell, home, f"{folder}:/usr/bin:/bin") == [str(folder), "/usr/bin", "/bin"]
        behind = path_in(shell, home, f"/usr/bin:{folder}:/bin")
        assert behind[0] == str(folder) and behind[1] == "/usr/bin", "behind another one it is not in effect"
        assert path_in(shell, home, f"{folder}x:/usr/bin:/bin")[0] == str(folder)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_line_is_plain_sh(tmp_path: Path) -> None:
    line = path_line("zsh", tmp_path / "a b", tmp_path)
    for shell in ("sh", "bash", "dash", "zsh"):
        if shutil.which(shell):
            words = [str(shutil.which(shell)), "-c", f'set -u; {line}; printf %s "$PATH"']
            done = subprocess.run(words, env={"HOME": str(tmp_path), "PATH": "/bin"}, capture_output=True, check=True)
            assert done.stdout.decode() == f"{tmp_path}/a b:/bin" and done.stderr == b""
    assert len(shlex.split(line)) > 3 and "\n" not in line


def test_where_start_files_are() -> None:
    home = Path("/home/ada")
    assert start_file("bash", home, {}, "linux") == home / ".bashrc"
    assert start_file("bash", home, {}, "darwin") == home / ".bash_profile", "a terminal starts a login shell there"
    assert start_file("zsh", home, {"ZDOTDIR": "/z"}, "linux") == Path("/z/.zshrc")
    assert start_file("zsh", home, {"ZDOTDIR": ""}, "darwin") == home / ".zshrc"
    fish = Path("fish/conf.d/hermes-profiles.fish")
    assert start_file("fish", home, {"XDG_CONFIG_HOME": "relative"}, "linux") == home / ".config" / fish
    assert start_file("fish", home, {"XDG_CONFIG_HOME": "/c"}, "linux") == "/c" / fish
    assert os.fspath(home) not in path_line("bash", home / "x", home), "dotfiles are carried to other machines"
