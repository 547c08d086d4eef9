"""Commands that print as they go, such as `logs -f`: their exit code, for each way in which they end."""

from __future__ import annotations

from collections.abc import Callable

from hermes_profiles.model.errors import ExitCode
from hermes_profiles.model.text import system_reason

from . import output


def streamed(show: Callable[[], None]) -> int:
    """Run what prints as it goes, and return the exit code."""
    try:
        show()
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # `| head`
        output.close_quietly()
    except OSError as error:
        output.silence()
        output.note(f"error: cannot write the answer: {system_reason(error)}")
        return int(ExitCode.FAILED)
    return int(ExitCode.OK)
