"""The Hermes plugin: adds `hermes profiles …` and `hermes gateways …`.

`hermes plugins enable hermes-profiles` enables it.

It is imported whenever Hermes looks for plugins, so it imports only names of files and variables. Source of the
interface: Hermes 0.19.0 `hermes_cli/plugins.py` (`register_cli_command`) and `hermes_cli/main.py`
(`_apply_profile_override` removes the first `-p NAME` from the arguments; the return value of the handler is not an
exit code).
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NoReturn

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import ENV_FILE, OP_ENV_FILE, ROOT_FOLDER

_COMMANDS = {
    "profiles": "Create, clone and maintain profiles; a clone never carries an identity",
    "gateways": "Run the gateways of all profiles as one fleet",
}
# The program that gets the words; the plugin as a folder (integration/plugin) has another one.
_PROGRAM: tuple[str, ...] = (sys.executable, "-P", "-m", "hermes_profiles.cli")
_SET = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=", re.MULTILINE)


def register(ctx: Any) -> None:
    """Register the two commands; Hermes calls this when it loads the plugin."""
    for name, summary in _COMMANDS.items():
        ctx.register_cli_command(name, summary, _take_all_words, _hand_over, f"{summary}.")


def _take_all_words(parser: Any) -> None:
    """Make argparse pass on every following argument, options and `--help` included."""
    parser.prefix_chars = "\0"
    parser.add_argument("words", nargs="*", help="see `hermes-profiles --help` and `hermes-gateways --help`")


def _hand_over(_arguments: Any) -> NoReturn:
    """Become our program, with the arguments and the environment of the call of Hermes.

    Hermes has put the keys of a profile's `.env` into its environment by now; in ours they would look like what the
    user's shell exports, and gateways that are started would inherit them.
    """
    words = given_words(sys.orig_argv, sys.argv)
    command = [*_PROGRAM, "from-hermes", "", *words]
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execve(command[0], command, given_environment())  # noqa: S606  (that is what it is for)


def given_words(original: list[str], left: list[str]) -> list[str]:
    """Return the words Hermes was called with. `original`: the whole command line, the interpreter's part included;
    `left`: what Hermes has left of it, the first `-p NAME` taken out."""
    kept = left[1:]
    for taken in (2, 1):
        words = original[-len(kept) - taken :]
        for place in range(len(words) - taken + 1):
            option = words[place : place + taken]
            is_profile = option[0] in ("-p", "--profile") if taken == 2 else option[0].startswith("--profile=")
            if is_profile and words[:place] + words[place + taken :] == kept:
                return words
    return kept


def given_environment() -> dict[str, str]:
    """Return the environment Hermes was called with.

    Where it is not kept (`setproctitle` writes over it), that is what there is now without the names that the
    profile's `.env` sets.
    """
    now = dict(os.environ)
    try:
        import psutil
    except ImportError:
        return _without_dotenv(now)
    try:
        first: dict[str, str] = psutil.Process().environ()
    except (OSError, psutil.Error):
        first = {}
    return first if "PATH" in first or "PATH" not in now else _without_dotenv(now)


def _without_dotenv(environment: dict[str, str]) -> dict[str, str]:
    home = environment.get(HERMES_HOME) or os.path.join(os.path.expanduser("~"), ROOT_FOLDER)
    names: set[str] = set()
    for file in (ENV_FILE, OP_ENV_FILE):
        try:
            with open(os.path.join(home, file), encoding="utf-8", errors="replace") as text:
                names.update(_SET.findall(text.read()))
        except OSError:  # a missing file sets nothing
            continue
    return {name: value for name, value in environment.items() if name not in names}
