"""Runs commands in children of one process that has imported the package: a command costs no start of an interpreter.

Run as a program with the environment of the commands. Each line of standard input is a JSON object: `module`,
`arguments`, `environment`, and the files `stdin`, `stdout`, `stderr`. The answer is a line with the exit code. Closing
standard input ends it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import sys
import time
import traceback
from typing import Any

# Modules that `python -m` runs: runpy warns when one of them is imported already.
_PROGRAMS = ("hermes_profiles.cli.gateways", "__main__")


def _import_package() -> None:
    import hermes_profiles

    for found in pkgutil.walk_packages(hermes_profiles.__path__, "hermes_profiles."):
        if not found.name.endswith(_PROGRAMS):
            try:
                importlib.import_module(found.name)
            except ImportError:  # of a system that is not here, or of a library that is not installed
                continue


def _run(asked: dict[str, Any]) -> None:
    """Become the command."""
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.umask(0o022)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        descriptor = os.open(asked[name], os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = [asked["module"], *asked["arguments"]]
    code: Any = 0
    try:
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def main() -> None:
    """Answer until standard input ends."""
    # The channels of this process itself, so that no command inherits them.
    asks, answers = os.dup(0), os.dup(1)
    _import_package()
    gc.freeze()
    with os.fdopen(asks) as lines, os.fdopen(answers, "w") as out:
        for line in lines:
            child = os.fork()
            if child == 0:
                _run(json.loads(line))
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), file=out, flush=True)


if __name__ == "__main__":
    main()
