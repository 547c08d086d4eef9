"""Measures `status --place`: two places against the slower one, and fifty places with an ssh that takes 0.3 s.

Run it in a checkout: `python benchmarks/places.py`. Budgets: two places at most the slower one plus 0.1 s; fifty
places at most 1.5 s. It prints the best of five runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
RUNS = 5
_SSH = "#!/bin/sh\nsleep {delay}\ncat {answer}\n"


def best(words: list[str], environment: dict[str, str]) -> float:
    """Return the shortest time of a command in seconds."""
    found = []
    for _ in range(RUNS):
        begin = time.monotonic()
        subprocess.run([sys.executable, "-P", *words], env=environment, stdout=subprocess.DEVNULL, check=True)
        found.append(time.monotonic() - begin)
    return min(found)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        answer = {"schema": "hermes-profiles/1", "exit_code": 0, "data": {"gateways": []}}
        (home / "answer").write_text(json.dumps(answer))
        (home / "run").mkdir()
        places = home / ".config/hermes-profiles/places.toml"
        places.parent.mkdir(parents=True)
        ssh = home / "bin/ssh"
        ssh.parent.mkdir()
        environment = {
            "HOME": folder, "PATH": f"{ssh.parent}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY),
            "XDG_RUNTIME_DIR": str(home / "run"), "LANG": "C.UTF-8",
        }  # fmt: skip
        command = ["-m", "hermes_profiles.cli.gateways", "status", "--place", "all", "--json"]
        for count, delay in ((1, 0.5), (2, 0.5), (50, 0.3)):
            places.write_text("".join(f'[p{number}]\nssh = "host{number}"\n' for number in range(count)))
            ssh.write_text(_SSH.format(delay=delay, answer=home / "answer"))
            ssh.chmod(0o755)
            took = best(command, environment)
            print(f"{count:3} places of {delay} s: {took:.2f} s, {took - delay:.2f} s above one")
        print(f"python alone: {best(['-c', 'pass'], environment):.2f} s")


if __name__ == "__main__":
    main()
