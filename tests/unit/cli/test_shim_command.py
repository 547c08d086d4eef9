"""`hermes-profiles shim`: install, status, and complete removal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from command_root import CommandRoot, picture
from command_runner import Done

from hermes_profiles.gateways.installation.shim_header import Recorded
from hermes_profiles.integration.shim.script import shim_script
from hermes_profiles.profiles.alias import alias_script

BASHRC = b"# mine\nalias ll='ls -l'"  # without a line end


class ShimHome:
    """A user with a fake hermes on PATH and shell start files, and the commands run as this user."""

    def __init__(self, world: CommandRoot) -> None:
        self.world, self.user = world, world.user
        self.real = self.user / "venv" / "bin" / "hermes"
        self.real.parent.mkdir(parents=True)
        self.real.write_text('#!/bin/sh\necho real "$@"\n')
        self.real.chmod(0o755)
        (self.user / ".bashrc").write_bytes(BASHRC)
        (self.user / ".bashrc").chmod(0o640)
        self.shim = self.user / ".local" / "share" / "hermes-profiles" / "shim" / "hermes"
        self.path = f"{self.real.parent}:/usr/bin:/bin"

    def call(self, *words: str, code: int = 0, **env: str) -> Done:
        done = self.world.call("shim", *words, env={"PATH": self.path, "SHELL": "/bin/bash", **env})
        assert done.code == code, done
        return done

    def status(self, code: int, **env: str) -> dict[str, object]:
        return dict(self.call("status", "--json", code=code, **env).data)

    @property
    def in_front(self) -> str:
        return f"{self.shim.parent}:{self.path}"

    def picture(self) -> dict[str, tuple[object, ...]]:
        """Return the state of the home without the journal."""
        return picture(self.user, without=(".hermes-profiles",))


@pytest.fixture
def shims(world: CommandRoot) -> ShimHome:
    (world.root / "profiles").mkdir(exist_ok=True)
    return ShimHome(world)


def test_shim_install_writes_shim_and_prints_path_setup(shims: ShimHome) -> None:
    before = shims.picture()
    done = shims.call("install")
    assert os.access(shims.shim, os.X_OK) and str(shims.real) in done.stdout
    added = set(shims.picture()) - set(before)
    assert {Path(path).name for path in added} == {".local", "share", "hermes-profiles", "shim", "hermes"}
    for shell in ("bash", "zsh", "fish"):
        assert f"  {shell}, ~/." in done.stdout
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("    ")]
    printed = subprocess.run(
        ["/bin/sh", "-c", f"{lines[0]}; command -v hermes"], env={"HOME": str(shims.user), "PATH": shims.path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout.strip() == str(shims.shim), "the printed line works"


def test_repeated_shim_install_changes_nothing(shims: ShimHome) -> None:
    shims.call("install", "--shell-setup")
    before = picture(shims.user)
    done = shims.call("install", "--shell-setup", "--json")
    assert picture(shims.user) == before and done.data["changed"] is False and "change" not in done.data
    assert shims.call("install", PATH=shims.in_front, code=0) and picture(shims.user) == before


@pytest.mark.parametrize("words", [[], ["--shell-setup"], ["--shell", "zsh", "--shell", "fish", "--shell", "bash"]])
@pytest.mark.parametrize("away", ["remove", "undo"])
def test_shim_remove_and_undo_restore_bytes_and_modes(shims: ShimHome, words: list[str], away: str) -> None:
    (shims.user / ".zshrc").write_bytes(b"")
    (shims.user / ".config" / "fish").mkdir(parents=True)
    before = shims.picture()
    shims.call("install", *words)
    assert shims.picture() != before
    done = shims.call("remove") if away == "remove" else shims.world.ok("undo")
    assert shims.picture() == before, done
    assert shims.call("remove").stdout.startswith("there is no shim")


def test_undo_restores_removed_shim(shims: ShimHome) -> None:
    shims.call("install", "--shell-setup")
    before = shims.picture()
    shims.call("remove")
    shims.world.ok("undo")
    assert shims.picture() == before and shims.status(0, PATH=shims.in_front)["in_effect"] is True


def test_shell_setup_writes_start_files_of_installed_shells(shims: ShimHome) -> None:
    (shims.user / ".config" / "fish").mkdir(parents=True)
    data = shims.call("install", "--shell-setup", "--json").data
    fish = shims.user / ".config/fish/conf.d/hermes-profiles.fish"
    assert data["start_files"] == [str(shims.user / ".bashrc"), str(fish)], (
        "zsh is not installed and gets no start file"
    )
    shims.call("remove")
    assert not fish.parent.exists()
    data = shims.call("install", "--shell-setup", "--json", SHELL="/usr/bin/zsh").data
    assert str(shims.user / ".zshrc") in data["start_files"], "the start file of the login shell is created"
    assert shims.call("install", "--shell", "tcsh", "--json", code=2).problem["code"] == "bad-shell"


def test_shim_is_first_on_path_in_new_shell(shims: ShimHome) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    shims.call("install", "--shell-setup")
    started = subprocess.run(
        ["bash", "-i", "-c", "hermes a 'b c'; command -v hermes"], capture_output=True, text=True, check=True,
        env={"HOME": str(shims.user), "PATH": shims.path, "TERM": "dumb"}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert started.stdout.splitlines() == ["real a b c", str(shims.shim)]


def test_shim_remove_after_separate_setup_removes_both(shims: ShimHome) -> None:
    before = shims.picture()
    shims.call("install")
    shims.call("install", "--shell", "fish")
    shims.call("remove")
    assert shims.picture() == before, "folders of both commands are recorded"


def test_shim_remove_keeps_folders_in_use(shims: ShimHome) -> None:
    shims.call("install")
    other = shims.user / ".local" / "share" / "notes.txt"
    other.write_text("mine")
    shims.call("remove")
    assert other.read_text() == "mine" and not (other.parent / "hermes-profiles").exists()


def test_dry_run_shows_every_file_and_changes_none(shims: ShimHome) -> None:
    shims.world.make("work")
    done = shims.world.unchanged_by(
        "shim", "install", "--shell-setup", "--dry-run", env={"PATH": shims.path, "SHELL": "/bin/bash"}
    )
    assert str(shims.shim) in done.stdout and str(shims.user / ".bashrc") in done.stdout
    shims.call("install", "--shell-setup")
    done = shims.world.unchanged_by("shim", "remove", "--dry-run", env={"PATH": shims.path})
    assert f"remove {shims.shim}" in done.stdout and str(shims.user / ".bashrc") in done.stdout


def test_hand_edited_start_file_block_is_refused(shims: ShimHome) -> None:
    shims.call("install", "--shell-setup")
    bashrc = shims.user / ".bashrc"
    bashrc.write_bytes(bashrc.read_bytes().replace(b"# <<<", b"echo mine\n# <<<"))
    before = picture(shims.user)
    for words in (["remove"], ["install", "--shell-setup"], ["remove", "--dry-run"]):
        done = shims.call(*words, "--json", code=6)
        assert done.problem["code"] == "edited-block" and str(bashrc) in done.problem["message"]
        hint = done.problem["hint"].split("`")[1]
        shown = subprocess.run(hint, shell=True, capture_output=True, text=True, check=True).stdout
        assert [line.partition(":")[0] for line in shown.splitlines()] == ["3", "6"]
        assert picture(shims.user) == before
    states = {file["path"]: file["state"] for file in shims.status(3)["start_files"]}  # type: ignore[attr-defined]
    assert states[str(bashrc)] == "edited"


def test_linked_start_file_is_written_at_its_target(shims: ShimHome) -> None:
    dotfiles = shims.user / "dotfiles" / "bashrc"
    dotfiles.parent.mkdir()
    (shims.user / ".bashrc").rename(dotfiles)
    (shims.user / ".bashrc").symlink_to("dotfiles/bashrc")
    before = shims.picture()
    shims.call("install", "--shell-setup")
    assert (shims.user / ".bashrc").is_symlink() and b"shim" in dotfiles.read_bytes()
    shims.call("remove")
    assert shims.picture() == before


def test_shim_remove_after_hermes_uninstall_removes_the_rest(shims: ShimHome) -> None:
    (shims.user / ".bashrc").write_bytes(b"# mine\n")
    before = shims.picture()
    shims.call("install", "--shell-setup")
    bashrc = shims.user / ".bashrc"
    lines = bashrc.read_text().split("\n")  # like hermes_cli/uninstall.py 0.19.0
    bashrc.write_text("\n".join(line for line in lines if "hermes" not in line.lower() or "path=" not in line.lower()))
    assert "export" not in bashrc.read_text() and "shim >>>" in bashrc.read_text()
    shims.call("remove")
    assert shims.picture() == before


def test_unrelated_file_is_not_overwritten_by_shim(shims: ShimHome) -> None:
    shims.shim.parent.mkdir(parents=True)
    shims.shim.write_text("#!/bin/sh\necho mine\n")
    before = picture(shims.user)
    for word in ("install", "remove"):
        assert shims.call(word, "--json", code=6).problem["code"] == "foreign-file"
        assert picture(shims.user) == before
    assert shims.status(0)["installed"] is False


def test_outdated_or_edited_shim_is_rewritten(shims: ShimHome) -> None:
    shims.call("install")
    good = shims.shim.read_bytes()
    shims.shim.write_bytes(good.replace(b"shim 1", b"shim 0") + b"# more\n")
    status = shims.call("status", "--json", code=0, PATH=shims.in_front)
    assert status.data["current"] is False and status.json["warnings"][0]["code"] == "other-text"
    shims.call("install")
    assert shims.shim.read_bytes() == good
    shims.shim.chmod(0o644)
    assert shims.status(0)["installed"] is False
    shims.call("install")
    assert os.access(shims.shim, os.X_OK)


@pytest.mark.parametrize("name", ["with:colon", "with\nbreak"])
def test_shim_folder_unusable_in_path_is_refused(shims: ShimHome, name: str) -> None:
    place = shims.user / name
    assert shims.call("install", "--json", code=6, XDG_DATA_HOME=str(place)).problem["code"] == "bad-path"
    assert not place.exists()


def test_absolute_xdg_data_home_is_used(shims: ShimHome) -> None:
    assert shims.status(0, XDG_DATA_HOME=str(shims.user / "d"))["path"] == f"{shims.user}/d/hermes-profiles/shim/hermes"
    assert shims.status(0, XDG_DATA_HOME="relative")["path"] == str(shims.shim)


# --- aliases --------------------------------------------------------------------------------------------------------


def test_aliases_run_shim_until_it_is_removed(shims: ShimHome) -> None:
    folder = shims.user / ".local" / "bin"
    folder.mkdir(parents=True)
    texts = {
        "coder": alias_script("coder", str(shims.real)),
        "night": alias_script("night", None),  # by name: PATH decides
        "other": alias_script("other", "/opt/other/bin/hermes"),
        "own": b"#!/bin/sh\necho hi\nexec " + str(shims.real).encode() + b' -p own "$@"\n',
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text)
        (folder / name).chmod(0o751)
    (folder / "linked").symlink_to("coder")
    before = shims.picture()
    done = shims.call("install", "--json")
    assert done.data["aliases"] == ["coder"]
    assert (folder / "coder").read_bytes() == alias_script("coder", str(shims.shim))
    assert all((folder / name).read_bytes() == texts[name] for name in ("night", "other", "own"))
    ran = subprocess.run([folder / "coder", "gateway", "start"], env={"PATH": "/bin"}, capture_output=True, check=True)
    assert ran.stdout == b"real -p coder gateway start\n", "also without hermes on PATH, as in cron"
    (folder / "later").write_bytes(alias_script("later", str(shims.shim)))  # like Hermes: the first on PATH
    assert shims.call("remove", "--json").data["aliases"] == ["coder", "later"]
    assert (folder / "later").read_bytes() == alias_script("later", str(shims.real))
    (folder / "later").unlink()
    assert shims.picture() == before


def test_aliases_are_restored_to_existing_hermes(shims: ShimHome) -> None:
    shims.call("install")
    alias = shims.user / ".local" / "bin" / "coder"
    alias.parent.mkdir(parents=True, exist_ok=True)
    alias.write_bytes(alias_script("coder", str(shims.shim)))
    other = shims.user / "other" / "hermes"
    other.parent.mkdir()
    shims.real.rename(other)
    shims.call("remove", PATH=f"{other.parent}:/bin")
    assert alias.read_bytes() == alias_script("coder", str(other))


# --- status ---------------------------------------------------------------------------------------------------------


def test_shim_status_reports_whether_shim_is_active(shims: ShimHome) -> None:
    status = shims.status(0)
    assert status["installed"] is False and status["in_effect"] is False and not status["current"]
    shims.call("install")
    assert shims.status(3)["in_effect"] is False, "installed, but not on PATH"
    found = shims.status(0, PATH=shims.in_front)
    assert found["in_effect"] is True and found["shadowed_by"] is None and found["first_on_path"] == str(shims.shim)
    assert found["hermes"] == {"path": str(shims.real), "version": None} and found["current"] is True
    assert "in effect: " in shims.call("status", PATH=shims.in_front).stdout


def test_shim_status_names_obstacle(shims: ShimHome) -> None:
    shims.call("install")

    def faults(code: int = 3, **env: str) -> dict[str, str]:
        return {row["code"]: row["hint"] for row in shims.call("status", "--json", code=code, **env).json["warnings"]}

    assert "export PATH=" in faults()["not-on-path"]
    shadowed = shims.status(3, PATH=f"{shims.path}:{shims.shim.parent}")
    assert shadowed["shadowed_by"] == str(shims.real)
    assert set(faults(PATH=f"{shims.path}:{shims.shim.parent}")) == {"shadowed"}
    assert set(faults(PATH=shims.in_front, HERMES_PROFILES_SHIM="off")) == {"bypassed"}
    assert set(faults(0, PATH=f"{shims.shim.parent}:/bin")) == set(), "its recorded hermes exists"
    shims.real.unlink()
    assert set(faults(0, PATH=f"{shims.shim.parent}:/bin")) == {"no-hermes"}


def test_shim_status_reports_missing_program(shims: ShimHome) -> None:
    shims.shim.parent.mkdir(parents=True)
    shims.shim.write_bytes(shim_script(Recorded("/nowhere/hermes-profiles", str(shims.real))))
    shims.shim.chmod(0o755)
    done = shims.call("status", "--json", code=3, PATH=shims.in_front)
    assert [row["code"] for row in done.json["warnings"]] == ["no-program"]
    (hint,) = (row["hint"] for row in done.json["warnings"])
    shims.call(*shlex.split(hint.split("`")[1])[2:])
    assert shims.status(0, PATH=shims.in_front)["in_effect"] is True


def test_other_shim_on_path_is_named_and_not_run(shims: ShimHome) -> None:
    shims.call("install")
    copy = shims.user / "copy" / "hermes"
    copy.parent.mkdir()
    shutil.copy(shims.shim, copy)
    found = shims.status(3, PATH=f"{copy.parent}:{shims.in_front}")
    assert found["shadowed_by"] == str(copy)
    assert found["hermes"]["path"] == str(shims.real)  # type: ignore[index]


def test_shim_can_be_installed_before_hermes(shims: ShimHome) -> None:
    shims.real.unlink()
    done = shims.call("install", "--json")
    assert [row["code"] for row in done.json["warnings"]] == ["no-hermes"] and done.data["hermes"] is None
    assert shims.status(0, PATH=shims.in_front)["in_effect"] is True


def test_services_use_real_hermes_behind_shim(shims: ShimHome) -> None:
    from hermes_profiles.gateways.installation.hermes_install import find_installation
    from hermes_profiles.model.layout import Layout

    python = shims.real.parent / "python3"
    python.write_text("#!/bin/sh\necho /\n")  # it imports Hermes
    python.chmod(0o755)
    shims.real.write_text(f"#!{python}\n")
    shims.call("install")
    layout = Layout(shims.world.root, shims.user)
    for path in (shims.in_front, f"{shims.shim.parent}:/bin"):
        assert find_installation(layout, {"PATH": path}).python == python
