"""TAB in real shells at a real terminal: offered candidates, and no side effects."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell_terminal import PROGRAMS, SCRIPTS, ShellTerminal, need

from hermes_profiles.cli.command_table import HERMES_GATEWAYS
from hermes_profiles.cli.completion import scripts

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def world(isolated: Path) -> ShellTerminal:
    made = ShellTerminal(isolated)
    made.profile("work", "wander", "night")
    return made


@pytest.fixture
def gateway() -> Iterator[subprocess.Popen[bytes]]:
    """A process with the arguments of a gateway."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)", "hermes", "gateway", "run"])
    yield process
    process.kill()
    process.wait()


def record(world: ShellTerminal, profile: str, pid: int, *, late: int = 0) -> None:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    home = world.root if profile == "default" else world.root / "profiles" / profile
    (home / "gateway.pid").write_text(
        f'{{"pid": {pid}, "kind": "hermes-gateway", "argv": ["x"], "start_time": {int(fields[19]) + late}}}'
    )


def offered(world: ShellTerminal, shell: str, line: str, env: dict[str, str] | None = None) -> set[str]:
    """Return the candidates a shell offers at the end of a line."""
    (found,) = offered_each(world, shell, [line], env)
    return found


def offered_each(
    world: ShellTerminal, shell: str, lines: list[str], env: dict[str, str] | None = None
) -> list[set[str]]:
    """Return the candidates for many lines, typed into one shell."""
    if shell == "bash":
        return [set(words) for words, _ in world.bash_lines([f"{line}\t" for line in lines], env)]
    if shell == "fish":
        return [set(world.fish(line, env)) for line in lines]
    return [_shown(line, *answer) for line, answer in zip(lines, world.zsh_lines(lines, env), strict=True)]


def _shown(line: str, shown: str, after: str) -> set[str]:
    """Return the candidates of a zsh list, or the inserted word of a completed line."""
    if after.rstrip() != line.rstrip():
        return {after.rpartition(" ")[2] or after.split()[-1]}
    listed = [each.partition(" -- ")[0] for each in shown.splitlines()[1:]]
    return {word for each in listed for word in each.removesuffix(line.strip()).split() if word != "--"}


CASES = [
    ("hermes-profiles cl", {"clone"}),
    ("hermes-profiles sh", {"show", "shim"}),
    ("hermes-profiles show w", {"wander", "work"}),
    ("hermes-profiles env list ", {"default", "night", "wander", "work"}),
    ("hermes-profiles env set w", {"wander", "work"}),
    ("hermes-profiles config get ", {"default", "night", "wander", "work"}),
    ("hermes-profiles trash ", {"list", "empty"}),
    ("hermes-profiles rename ", {"night", "wander", "work"}),
    ("hermes-profiles delete ", {"night", "wander", "work"}),
    ("hermes-profiles diff work ", {"default", "night", "wander"}),
    ("hermes-profiles create x --clone-from w", {"wander", "work"}),
    ("hermes-profiles explain FOO -p w", {"wander", "work"}),
    ("hermes-profiles sync --from work --to w", {"wander"}),
    ("hermes-profiles sync --to work,w", {"work,wander"}),
    ("hermes-profiles repair work --channel wei", {"weixin"}),
    ("hermes-profiles catalog matt", {"mattermost"}),
    ("hermes-profiles explain matt", {"mattermost"}),
    ("hermes-profiles doctor --only security.r", {"security.readable-secret"}),
    ("hermes-profiles doctor --skip security.w", {"security.weak-key"}),
    ("hermes-profiles completion ", {"bash", "zsh", "fish"}),
    ("hermes-gateways restart work w", {"wander"}),
    ("hermes-gateways restart work --jobs 2 w", {"wander"}),
    ("hermes-gateways status --except ni", {"night"}),
    ("hermes-gateways status work --except w", {"wander"}),
    ("hermes-gateways start --owner w", {"wander", "work"}),
    ("hermes-gateways install --manager s", {"systemd", "supervisor"}),
    ("hermes-gateways start --on-conflict ", {"mask", "refuse", "ignore"}),
    ("hermes-gateways group wander w", {"wander", "work"}),
    ("hermes-gateways group wander --remove w", {"wander", "work"}),
    ("hermes-gateways disable --n", {"--now"}),
    ("hermes-gateways install --no", {"--no-enable"}),
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_offers_matching_candidates(world: ShellTerminal, shell: str) -> None:
    for name in ("gateway.log", "running-shoes", "stopped1", "profiles", "member2"):  # in the working folder
        (world.home / name).touch()
    found = offered_each(world, shell, [line for line, _ in CASES])
    assert dict(zip([line for line, _ in CASES], found, strict=True)) == dict(CASES)


NOTHING_FITS = [
    "hermes-profiles frob ", "hermes-profiles create ", "hermes-profiles rename work ", "hermes-profiles show zz",
    "hermes-profiles clone work ", "hermes-gateways stop --timeout ", "hermes-profiles show work ",
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_without_match_offers_nothing(world: ShellTerminal, shell: str) -> None:
    (world.home / "zz-a-file").touch()
    found = dict(zip(NOTHING_FITS, offered_each(world, shell, NOTHING_FITS), strict=True))
    # zsh inserts a dash where only options can follow.
    assert {line: words - ({"-"} if shell == "zsh" else set()) for line, words in found.items() if words} in ({}, {
        "hermes-profiles show work ": set()})  # fmt: skip


@pytest.mark.parametrize("line", ["hermes-profiles list --home ", "hermes-gateways stop --home="])
def test_tab_completes_folders_for_home(world: ShellTerminal, line: str) -> None:
    (world.home / "root of mum").mkdir()
    (world.home / "rootless").touch()
    if need("bash"):
        assert world.bash(f"{line}roo")[1] == f"{line}root\\ of\\ mum/"
    assert world.zsh(f"{line}roo")[1] == f"{line}root\\ of\\ mum/"
    option = line.partition(" --")[2]
    prefix = f"--{option}" if option.endswith("=") else ""
    assert world.fish(f"{line}roo") == {f"{prefix}root of mum/": "Directory"}


ODD, ODD_ESCAPED = 'it\'s "mine"', 'it\\\'s\\ \\"mine\\"'
# Bash ends a command at these characters, even after a backslash, and calls no completion after them.
EVIL, EVIL_ESCAPED = "a; & $(touch pwned) `touch pwned`", "a\\;\\ \\&\\ \\$\\(touch\\ pwned\\)\\ \\`touch\\ pwned\\`"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("folder", "spelling"), [
    ("a root", "--home '{home}/a root'"), ("a root", '--home "{home}/a root"'), ("a root", '--home "$HOME"/a\\ root'),
    ("a root", "--home ~/'a root'"), ("a root", "--home a\\ root/profiles/elsewhere"), ("a root", "--home=a\\ root"),
    (ODD, f"--home={{home}}/{ODD_ESCAPED}"), (ODD, f"--home ~/{ODD_ESCAPED}"), (ODD, f"--home $HOME/{ODD_ESCAPED}"),
    (EVIL, f"--home ~/{EVIL_ESCAPED}"), (EVIL, f"--json --home={{home}}/{EVIL_ESCAPED}"),
])  # fmt: skip
def test_home_option_on_line_is_used(world: ShellTerminal, shell: str, folder: str, spelling: str) -> None:
    """With blanks and quotes, in every spelling."""
    if shell == "bash" and folder == EVIL:
        pytest.skip("bash ends the command there")
    world.profile("elsewhere", root=world.home / folder)
    line = f"hermes-profiles show {spelling.replace('{home}', str(world.home))} el"
    assert offered(world, shell, line) == {"elsewhere"}
    assert not (world.home / "pwned").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_executes_nothing_on_line(world: ShellTerminal, shell: str) -> None:
    for word in ("$(touch pwned)", "`touch pwned`", '"$(touch pwned)"'):
        if shell == "fish":
            word = word.replace("$(", "(").replace("`", "")
        assert offered(world, shell, f"hermes-profiles show --home {word} w") <= {"wander", "work"}
    assert not (world.home / "pwned").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_hermes_home_variable_is_used(world: ShellTerminal, shell: str) -> None:
    root = world.home / 'it\'s a "root"'
    world.profile("elsewhere", root=root)
    line = "hermes-profiles show el"
    assert offered(world, shell, line, {"HERMES_HOME": str(root)}) == {"elsewhere"}
    assert offered(world, shell, line, {"HERMES_HOME": str(root / "profiles" / "elsewhere")}) == {"elsewhere"}


def test_tab_shows_states_with_running_first(world: ShellTerminal, gateway: subprocess.Popen[bytes]) -> None:
    record(world, "work", gateway.pid)
    running = f"running, pid {gateway.pid}"
    found = world.fish("hermes-gateways stop ")
    assert next(iter(found.items())) == ("work", running) and found["night"] == "stopped" and len(found) == 4
    assert list(world.fish("hermes-gateways start "))[-1] == "work"
    shown = world.zsh("hermes-gateways stop ")[0].splitlines()
    assert ["work", "--", *running.split()] in [line.split()[:5] for line in shown]
    assert any("night" in line and line.split()[-1] == "stopped" for line in shown[:-1])


def test_bash_offers_running_for_stop_and_stopped_for_start(
    world: ShellTerminal, gateway: subprocess.Popen[bytes]
) -> None:
    record(world, "work", gateway.pid)
    assert world.bash("hermes-gateways stop ")[0] == ["work"]
    assert world.bash("hermes-gateways restart w")[1] == "hermes-gateways restart work "
    assert world.bash("hermes-gateways start w")[0] == ["wander"]
    # A typed prefix is used literally.
    assert world.bash("hermes-gateways stop wan")[0] == ["wander"]
    assert world.bash("hermes-gateways status w")[0] == ["wander", "work"]


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_on_broken_roots_prints_and_writes_nothing(world: ShellTerminal, shell: str) -> None:
    (world.root / "profiles" / "work" / ".env").write_text("TELEGRAM_BOT_TOKEN=CANARY-token\n")
    os.mkfifo(world.root / "profiles" / "work" / "gateway.pid")
    (world.root / "profiles" / "night" / "gateway.pid").write_text("CANARY {")
    (world.root / "profiles" / "loop").symlink_to("loop")
    before = _listing(world.root)
    assert offered(world, shell, "hermes-gateways status ") == {"default", "night", "wander", "work"}
    assert _listing(world.root) == before
    for name in ("hermes-profiles", "hermes-gateways"):  # broken programs
        (world.bin / name).write_text("#!/bin/sh\necho oops >&2\nexit 3\n")
    assert offered(world, shell, "hermes-profiles show ") == set()
    for name in ("hermes-profiles", "hermes-gateways"):  # missing programs
        (world.bin / name).unlink()
    assert offered(world, shell, "hermes-profiles show ") == set()
    assert not (world.home / "not-found").exists()


def _listing(root: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in root.rglob("*"))


@pytest.mark.parametrize("shell", SHELLS)
def test_static_candidates_start_no_program(world: ShellTerminal, shell: str) -> None:
    lines = ["hermes-profiles ", "hermes-gateways status --", "hermes-profiles doctor --only r"]
    assert all(offered_each(world, shell, lines)) and world.asked() == []


def test_completion_runs_program_at_typed_path(world: ShellTerminal) -> None:
    line = f"{world.bin}/hermes-profiles show wo"
    off = {"PATH": "/usr/bin:/bin"}
    assert world.bash(line, off)[1] == f"{line}rk "
    assert world.zsh(line, off)[1] == f"{line}rk "
    assert "work" in world.fish(line, off)


def test_bash_completes_in_the_middle_of_a_line(world: ShellTerminal) -> None:
    line = "hermes-gateways stop wan --force"
    assert world.bash(line, keys="\x1b[D" * len(" --force") + "\t")[1] == "hermes-gateways stop wander --force"
    assert world.bash("hermes-gateways stop wanq", keys="\x1b[D\t")[0] == ["wander"]


@pytest.mark.parametrize("word", ["--owner telegram=wo", "--owner=telegram=wo", "--channel=weix"])
def test_option_with_equals_sign_is_completed_after_it(world: ShellTerminal, word: str) -> None:
    line = f"hermes-profiles repair {word}"
    whole = f"{line}in" if word.endswith("weix") else f"{line}rk"
    assert world.bash(line)[1] == world.zsh(line)[1] == f"{whole} "
    assert list(world.fish(line)) == [whole.rpartition(" ")[2]]
    assert world.bash("hermes-profiles repair --owner tel")[1] == "hermes-profiles repair --owner telegram="


def test_bash_completion_works_with_every_shell_option(world: ShellTerminal) -> None:
    lines = [
        "hermes-gateways ",
        "hermes-gateways stop ",
        "hermes-gateways start --manager ",
        "hermes-gateways stop --f",
    ]
    script = (
        "set -u; shopt -s nullglob failglob nocasematch extglob; IFS=o\n" + f"source {SCRIPTS}/hermes-gateways.bash\n"
    )
    for line in lines:
        words = " ".join(f"'{word}'" for word in line.split(" "))
        script += f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({words}) COMP_CWORD={line.count(' ')}\n"
        script += "COMP_WORDBREAKS=' ='; _hermes_gateways hermes-gateways; echo ${#COMPREPLY[@]}\n"
    done = subprocess.run([need("bash"), "--norc", "-c", script], cwd=world.home, env=world.environment,
                          capture_output=True, text=True, check=True)  # fmt: skip
    commands = len(HERMES_GATEWAYS.commands)
    assert (done.stdout.split(), done.stderr) == ([str(commands), "4", "3", "1"], "")


def test_bash_without_compopt_completes(world: ShellTerminal) -> None:
    """As in bash 3.2."""
    (world.home / "root of mum").mkdir()
    script = (
        f"enable -n compopt; source {SCRIPTS}/hermes-profiles.bash; COMP_WORDS=(hermes-profiles list --home roo)\n"
        "COMP_CWORD=3; _hermes_profiles hermes-profiles roo --home; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    done = subprocess.run([need("bash"), "--norc", "-c", script], cwd=world.home, env=world.environment,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert (done.stdout, done.stderr) == ("root\\ of\\ mum\n", "")


def test_scripts_work_in_usual_locations(world: ShellTerminal) -> None:
    """zsh: one file in a folder of $fpath, or read by .zshrc; fish: one file for each program."""
    texts = {
        shell: scripts.both(shell, tuple((SCRIPTS / file.format(name)).read_text() for name in PROGRAMS))  # type: ignore[arg-type]
        for shell, file in scripts.FILES.items()
    }
    folder = world.home / "zfunc"
    folder.mkdir()
    (folder / "_hermes-profiles").write_text(texts["zsh"])
    for line in ("hermes-gateways stop wo", "hermes-profiles show wo"):
        assert world.zsh(line, folder=folder)[1] == f"{line}rk "
    for before, expected in (
        ("", ""),
        ("autoload -Uz compinit; compinit -u -D; ", "_hermes_profiles _hermes_gateways"),
    ):
        code = f"{before}source {folder}/_hermes-profiles; echo $_comps[hermes-profiles] $_comps[hermes-gateways]"
        done = subprocess.run(
            [need("zsh"), "-f", "-c", code], env=world.environment, capture_output=True, text=True, check=True
        )
        assert (done.stdout.strip(), done.stderr) == (expected, "")
    code = "complete -p hermes-profiles hermes-gateways"
    done = subprocess.run([need("bash"), "--norc", "-c", f'eval "$(cat)"; {code}'], input=texts["bash"],
                          env=world.environment, capture_output=True, text=True, check=True)  # fmt: skip
    assert len(done.stdout.splitlines()) == 2 and done.stderr == ""
    completions = world.home / ".config" / "fish" / "completions"
    completions.mkdir(parents=True)
    for name in PROGRAMS:
        (completions / f"{name}.fish").write_text(texts["fish"])
    for line in ("hermes-gateways stop wo", "hermes-profiles show wo"):
        done = subprocess.run([need("fish"), "-c", f"complete -C '{line}'"], env=world.environment, capture_output=True,
                              text=True, check=True, timeout=30)  # fmt: skip
        assert [each.split("\t")[0] for each in done.stdout.splitlines()] == ["work"] and done.stderr == ""
