"""How the process begins and ends: with streams that can be written, an exit code that is true, and no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

INTERRUPTED = 130
# What the completion scripts ask by.
TAB = "__complete"


def exit_after(program: Callable[[], None]) -> None:
    """Run a program and end the process with its code, without tearing the interpreter down: that takes as long
    as importing Typer does. Nothing here waits for the end: files are closed where they are written."""
    _open_closed_streams()
    code: object = 0
    sys.unraisablehook = _pass_interrupt_on
    try:
        program()
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # told already by whoever wrote; nobody is left to tell
            continue
    os._exit(code if isinstance(code, int) else 1)


def is_tab() -> bool:
    """Return whether a shell asks for the words that can follow."""
    return sys.argv[1:2] == [TAB]


def answer_tab() -> None:
    """Tell a shell which words can follow, before anything heavy is imported: a person waits."""
    from hermes_profiles.cli.completion import candidates

    sys.stdout.write(candidates.answer(sys.argv[2:]))


def _open_closed_streams() -> None:
    """Put /dev/null where a stream was closed (`>&-`): Python has None there, and the next file opened would
    become the standard output of every program we start."""
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
