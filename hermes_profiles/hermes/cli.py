"""The command line of Hermes 0.19.0: module, subcommands, options (hermes_cli/main.py, hermes_cli/subcommands).

What later releases add to `hermes profile`: gateways/installation/hermes_words.py reads it in the installed code.
"""

from __future__ import annotations

from collections.abc import Mapping

PROGRAM = "hermes"
MODULE = "hermes_cli.main"
# A launcher runs another module with this option before it (hermes_cli/_launchers.py, from 0.22).
RUN_MODULE = "--run-module"
# Where there is no launcher, units of 0.22 run `PYTHON -I -c SCRIPT`, whose script imports the first and runs a module.
BOOTSTRAP_MODULE = "hermes_bootstrap"
CLEANUP_MODULE = "gateway.cgroup_cleanup"  # ends what a gateway left in its control group
STAMP_MODULE = "hermes_cli.stderr_timestamp"  # runs the command after its `--`, with a time before each line
# How a process of Hermes can be started: arguments of the interpreter, or endings of the program's path
# (gateway/status.py, `_gateway_command_subcommand`).
ENTRIES = (MODULE, "hermes_cli/main.py", PROGRAM)
ENTRY_PATHS = ("/hermes_cli/main.py", "/hermes")
GATEWAY_ENTRIES = ("gateway.run", "gateway/run.py", "hermes-gateway")
GATEWAY_ENTRY_PATHS = ("/gateway/run.py", "/hermes-gateway")
# Code on the command line (`python -I -c CODE gateway run`) that runs Hermes in the same process, from 0.22: beginning
# and end of CODE, of the launcher, of a unit without one, and of a restart in another interpreter
# (hermes_cli/_launchers.py `_launcher_script`, `runtime_command`; hermes_cli/venv_sync.py `relaunch_command`).
CODE_OF_LAUNCHER = ("import os, re, sys\n", "from hermes_cli.main import main\n", "sys.exit(main())")
CODE_OF_UNIT = ("import os, sys, runpy;", "runpy.run_module('hermes_cli.main', run_name='__main__', alter_sys=True)")
CODE_OF_RESTART = ("import sys, runpy; sys.path.insert(", "sys.argv = ")  # the arguments are in the code
HOME_IN_CODE = "os.environ['HERMES_HOME'] = os.environ.get('HERMES_HOME') or "  # a literal follows
# An alias cannot have the name of one of these.
SUBCOMMANDS = frozenset(
    [
        "chat",
        "model",
        "gateway",
        "setup",
        "whatsapp",
        "login",
        "logout",
        "status",
        "cron",
        "doctor",
        "dump",
        "config",
        "pairing",
        "skills",
        "tools",
        "mcp",
        "sessions",
        "insights",
        "version",
        "update",
        "uninstall",
        "profile",
        "plugins",
        "honcho",
        "acp",
    ]
)
# Options before the subcommand that take a value: the argument after them is no `-p`.
OPTIONS_WITH_VALUE = frozenset(
    (
        "-z",
        "--oneshot",
        "-m",
        "--model",
        "--provider",
        "-t",
        "--toolsets",
        "-r",
        "--resume",
        "-s",
        "--skills",
        "--usage-file",
        "--reasoning",  # from 0.21
        "--in",  # from 0.21
    )
)
OPTIONS_WITH_OPTIONAL_VALUE = frozenset(("-c", "--continue"))
# `hermes profile COMMAND` and its long options; any unambiguous beginning of one is accepted (argparse).
PROFILE_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "list": (),
    "use": (),
    "create": ("--clone", "--clone-all", "--clone-from", "--no-alias", "--no-skills", "--description"),
    "delete": ("--yes",),
    "show": (),
    "alias": ("--remove", "--name"),
    "rename": (),
}
PROFILE_PARSER_MODULE = "hermes_cli/subcommands/profile.py"
CLONE_OPTIONS = ("--clone", "--clone-all", "--all", "--clone-from")
