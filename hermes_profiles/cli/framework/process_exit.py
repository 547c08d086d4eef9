"""Start and end of the process: writable streams, the true exit code, no traceback."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

INTERRUPTED = 130
# The argument that completion scripts pass.
TAB = "__complete"


def exit_after(program: Callable[[], None]) -> None:
    """Run a program and end the process with its exit code, without an interpreter shutdown.

    A shutdown takes as long as importing Typer. Files are closed where they are written.
    """
    # A command lives for a tenth of a second and keeps nearly all objects: fewer collections save a tenth of its time.
    gc.set_threshold(500_000, 20, 50)
    _open_closed_streams()
    code: object = 0
    sys.unraisablehook = _pass_interrupt_on
    try:
        if os.geteuid() == 0:
            _become_owner()
        program()
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  only with HERMES_PROFILES_DEBUG=1
        code = INTERRUPTED if was_interrupted(error) else _traceback(error)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the write error was already reported
            continue
    os._exit(code if isinstance(code, int) else 1)


def was_interrupted(error: Exception) -> bool:
    """Return whether Ctrl-C was the cause of an error.

    Python 3.11 makes a RuntimeError of one that meets `__set_name__` while a class is made, as during an import.
    """
    return isinstance(error.__cause__, KeyboardInterrupt)


def _traceback(error: Exception) -> int:
    """Print a traceback without the secrets of the root: people paste it into a report. Returns the exit code."""
    import traceback

    from . import output

    output.note("".join(traceback.format_exception(error)).rstrip("\n"))
    return 1


def _become_owner() -> None:
    """Become the owner of the home that the command works on; ends with the exit code of a refusal."""
    from hermes_profiles.model.errors import Refused, Result

    from . import output, owner

    try:
        owner.become_owner(sys.argv[1:])
    except Refused as refused:
        result = Result((), errors=[refused.problem], exit_code=refused.exit_code)
        code = output.deliver(result, as_json="--json" in sys.argv, lines=())
        raise SystemExit(code) from None


def is_tab() -> bool:
    """Return whether a shell asks for completions."""
    return sys.argv[1:2] == [TAB]


def answer_tab() -> None:
    """Print completions for a shell before anything heavy is imported: the user waits."""
    from hermes_profiles.cli.completion import candidates

    sys.stdout.write(candidates.answer(sys.argv[2:]))


def _open_closed_streams() -> None:
    """Open /dev/null for a stream that was closed (`>&-`).

    Python has None there, and the next file opened would become the standard output of every child process.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _pass_interrupt_on(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise a Ctrl-C again that met Python while it closed a file: there it would be reported, and then forgotten.

    A moment later, for what is raised in here is forgotten as well.
    """
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    import signal

    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.001)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
