"""How long a TAB takes in bash, zsh and fish, with 200 profiles: `python benchmarks/completion.py [RUNS]`.

Each figure is the whole TAB in the real shell, with the scripts of this repository loaded and the program installed as
its console script: the least of many, in milliseconds and as a multiple of `python -c pass` run in between. `shell` is
what the shell itself does at a TAB on a word of its own.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROFILES = 200
COMPLETIONS = Path(__file__).resolve().parent.parent / "completions"
LINES = {
    "commands": "hermes-profiles ", "options": "hermes-gateways status --", "profiles": "hermes-profiles show ",
    "states": "hermes-gateways stop ", "groups": "hermes-gateways status --group ",
    "checks": "hermes-profiles doctor --only ",
    "channels": "hermes-profiles catalog ", "changes": "hermes-profiles undo ",
}  # fmt: skip
_BASH = """
source {folder}/hermes-profiles.bash; source {folder}/hermes-gateways.bash
line=$1; COMP_LINE=$line COMP_POINT=${{#line}} COMP_CWORD=$(( $(wc -w <<<"$line") ))
read -ra COMP_WORDS <<<"$line"; [[ $line == *' ' ]] && COMP_WORDS+=('') || ((COMP_CWORD--))
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
for ((i = 0; i < $2; i++)); do
    before=${{EPOCHREALTIME/./}}
    _${{COMP_WORDS[0]//-/_}} "${{COMP_WORDS[0]}}" "" ""
    echo $((${{EPOCHREALTIME/./}} - before))
done
"""
_FISH = """
source {folder}/hermes-profiles.fish; source {folder}/hermes-gateways.fish
complete -C $argv[1] >/dev/null
for i in (seq $argv[2])
    set -l before (date +%s%N)
    complete -C $argv[1] >/dev/null
    math (date +%s%N) - $before
end
"""
_ZSH = """
PROMPT=; fpath=({folder} $fpath); autoload -Uz compinit && compinit -u -D
zmodload zsh/datetime; LISTMAX=10000; unsetopt automenu beep
timed() {{
    local before=$EPOCHREALTIME
    zle expand-or-complete
    print -r "took=$(( (EPOCHREALTIME - before) * 1000000 ))="
}}
zle -N timed; bindkey '^X' timed; print 'is'ready
"""


def fleet(home: Path) -> None:
    """Make 200 profiles in four groups, a tenth of them with a gateway's pid file, and a journal of 100 changes."""
    root = home / ".hermes"
    for number in range(PROFILES):
        profile = root / "profiles" / f"profile-{number:03}"
        profile.mkdir(parents=True)
        (profile / "profile.yaml").write_text(
            f"description: the profile {number}\ngroups:\n  team-{number % 4}: true\n"
        )
        if number % 10 == 0:
            (profile / "gateway.pid").write_text(
                f'{{"pid": {os.getpid()}, "start_time": 1, "argv": ["hermes", "gateway"]}}'
            )
    journal = root / "profiles" / ".hermes-profiles" / "journal"
    journal.mkdir(parents=True)
    for number in range(100):
        name = f"20261121T10{number // 60:02}{number % 60:02}Z-0001"
        (journal / f"{name}.json").write_text(f'{{"id": "{name}", "summary": "use work", "status": "done"}}')


def bash(line: str, runs: int, home: Path, environment: dict[str, str]) -> list[float]:
    """Return how long each call of the completion function took."""
    script = _BASH.format(folder=COMPLETIONS)
    done = subprocess.run(["bash", "-c", script, "bash", line, str(runs)], env=environment, cwd=home, text=True,
                          capture_output=True, check=True)  # fmt: skip
    return [int(each) / 1e6 for each in done.stdout.split()]


def fish(line: str, runs: int, home: Path, environment: dict[str, str]) -> list[float]:
    """Return how long each completion took; a start of `date`, by which fish tells the time, is in it."""
    script = _FISH.format(folder=COMPLETIONS)
    command = ["fish", "--no-config", "-c", script, line, str(runs)]
    done = subprocess.run(command, env=environment, cwd=home, text=True, capture_output=True, check=True)
    return [int(each) / 1e9 for each in done.stdout.split()]


def zsh(line: str, runs: int, home: Path, environment: dict[str, str]) -> list[float]:
    """Return how long the widget of TAB took at a real terminal, list drawn."""
    rc = home / "rc"
    rc.write_text(_ZSH.format(folder=COMPLETIONS))
    leader, follower = pty.openpty()
    process = subprocess.Popen(["zsh", "-f", "-i"], stdin=follower, stdout=follower, stderr=follower, cwd=home,
                               env=environment, start_new_session=True)  # fmt: skip
    os.close(follower)
    took: list[float] = []
    try:
        os.write(leader, f"source {rc}\n".encode())
        _until(leader, rb"isready")
        for _ in range(runs + 1):
            os.write(leader, f"\x15{line}\x18".encode())
            took.append(float(_until(leader, rb"took=([0-9.]+)=")[1]) / 1e6)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    return took[1:]


def _until(leader: int, pattern: bytes) -> re.Match[bytes]:
    seen, end = b"", time.monotonic() + 30
    while time.monotonic() < end:
        seen += os.read(leader, 65536)
        found = re.search(pattern, seen)
        if found:
            return found
    raise TimeoutError(seen[-300:])


def _pass(runs: int) -> float:
    best = 9.0
    for _ in range(runs):
        before = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        best = min(best, time.perf_counter() - before)
    return best


def main() -> None:
    """Measure and print a table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    program = Path(sys.executable).with_name("hermes-profiles")
    if not program.exists():
        raise SystemExit(f"{program} is not there: install the package first")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fleet(home)
        environment = {"HOME": folder, "PATH": f"{program.parent}:/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "160",
                       "LINES": "50", "LANG": "C.UTF-8"}  # fmt: skip
        shells = {
            name: measure for name, measure in (("bash", bash), ("zsh", zsh), ("fish", fish)) if shutil.which(name)
        }
        base = _pass(runs)
        print(f"python -c pass: {base * 1000:.1f} ms; {PROFILES} profiles; least of {runs}")
        print(f"{'TAB after':36}" + "".join(f"{shell:>16}" for shell in shells))
        for what, line in LINES.items():
            cells = []
            for measure in shells.values():
                best = min(measure(line, runs, home, environment))
                base = min(base, _pass(3))
                cells.append(f"{best * 1000:8.1f} ms{best / base:4.1f}x")
            print(f"{what + ': ' + line:36}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
