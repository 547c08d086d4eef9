"""The context of an operation: the root and its layout, the catalogue, the environment."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import sys
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_REAL_HOME
from hermes_profiles.hermes.files import PROFILES_FOLDER, TOOL_HOME_FOLDER
from hermes_profiles.model.errors import Problem, Refused, UsageProblem
from hermes_profiles.model.layout import Layout, given_home
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.listing import has_identity

from .events import OnOutcome, OnProgress, ignore

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog
    from hermes_profiles.hermes.version import HermesFacts
    from hermes_profiles.profiles.channels import Managed

DEBUG = "HERMES_PROFILES_DEBUG"


class Session:
    """The context of one run: the root it works on, and what it reports to while it runs.

    `home_option`: the home that the caller named; `on_outcome` and `on_progress`: see `events`; `manager_option`: as
    `--manager`, for gateways. In a shell of an agent's tools, which has a home of its own, that of the account is used.
    """

    def __init__(
        self,
        home_option: str | None = None,
        as_json: bool = False,
        environment: dict[str, str] | None = None,
        problems: list[Problem] | None = None,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
        manager_option: str | None = None,
    ) -> None:
        environment = dict(os.environ) if environment is None else environment
        if _is_tool_home(environment.get("HOME", ""), environment):
            environment = {**environment, "HOME": _account_home(environment)}
        self.home_option = home_option
        self.as_json = as_json
        self.environment = environment
        self.problems = [] if problems is None else problems
        self.on_outcome = on_outcome
        self.on_progress = on_progress
        self.manager_option = manager_option

    @cached_property
    def layout(self) -> Layout:
        """Return the layout of the root this command works on."""
        if self.home_option == "":  # `--home "$UNSET"` must not fall back to the real root
            raise UsageProblem("--home is empty", target="--home", hint="use `--home PATH`, or remove the option")
        layout = Layout.from_environment(
            self._environment, user_home=user_home(self.environment), platform=sys.platform, home=self.home_option
        )
        return layout_with_facts(layout, self.environment)

    @property
    def _environment(self) -> dict[str, str]:
        """Return the environment with PWD set to the current folder, which a parent process may have changed."""
        try:
            return {**self.environment, "PWD": os.getcwd()}
        except OSError:  # the folder is gone
            return self.environment

    @cached_property
    def catalog(self) -> Catalog:
        """Return the catalogue with the user's additions and the channels of the plugins of every profile.

        A file that cannot be read becomes a warning in `problems`; a clone reads it again and raises.
        """
        from hermes_profiles.profiles.plugin_channels import catalog_for, homes_with_plugins

        homes = homes_with_plugins(self.layout)
        return catalog_for(self.layout, self.environment, homes=homes, problems=self.problems)

    @cached_property
    def managed(self) -> Managed:
        """Return the values of the machine's managed directory; one that cannot be read becomes a warning."""
        from hermes_profiles.profiles.channels import NOTHING_MANAGED
        from hermes_profiles.profiles.managed_folder import managed_folder, managed_values

        try:
            return managed_values(managed_folder(self.environment, self.layout), self.catalog)
        except Refused as error:
            self.problems.append(error.problem)
            return NOTHING_MANAGED

    def recover(self, *, dry_run: bool) -> list[Problem]:
        """Complete or revert the change of a killed run, before anything is planned; returns a warning for each.

        A plan made before that would not fit. Without such a change nothing is locked, so that a refused command
        leaves no trace.
        """
        from hermes_profiles.changes.apply import recover
        from hermes_profiles.changes.journal import Journal

        if dry_run or not Journal(self.layout.state).begun():
            return []
        return [Problem("recovered", sentence) for sentence in recover(self.layout)]

    def chosen_profile(self) -> tuple[str, str]:
        """Return (name, why) of the profile in use: that of HERMES_HOME, else the sticky default."""
        from hermes_profiles.profiles.listing import active_profile

        home = given_home(self._environment, user_home=user_home(self.environment), home=self.home_option)
        for path in (home, Path(os.path.realpath(home))) if home is not None else ():
            if path.parent in (self.layout.profiles, Path(os.path.realpath(self.layout.profiles))):
                return path.name, "--home" if self.home_option else HERMES_HOME
        sticky = active_profile(self.layout)
        return sticky, "the sticky default" if sticky != DEFAULT else "the default profile"


def layout_with_facts(layout: Layout, environment: Mapping[str, str]) -> Layout:
    """Return a layout that finds the installed Hermes when its facts are asked for, once."""

    @cache
    def installed() -> HermesFacts:
        from hermes_profiles.gateways.installation.hermes_install import installed_facts

        return installed_facts(layout, environment)

    return layout._replace(installed=installed)


def _is_tool_home(home: str, environment: Mapping[str, str]) -> bool:
    """Return whether HOME is the `home` folder of a profile: Hermes gives it to the shells of tools.

    Source: hermes_constants.py, `get_subprocess_home`, with `terminal.home_mode: profile` or in a container.
    """
    folder, name = os.path.split(os.path.normpath(home)) if home else ("", "")
    if name != TOOL_HOME_FOLDER or environment.get(HERMES_REAL_HOME) == home:
        return False
    given = environment.get(HERMES_HOME, "").strip()
    if given and os.path.normpath(given) == folder:
        return True
    return os.path.basename(os.path.dirname(folder)) == PROFILES_FOLDER and has_identity(Path(folder))


def _account_home(environment: Mapping[str, str]) -> str:
    real = environment.get(HERMES_REAL_HOME, "").strip()
    if real and not _is_tool_home(real, {**environment, HERMES_REAL_HOME: ""}):
        return real
    return pwd.getpwuid(os.getuid()).pw_dir


def user_home(environment: dict[str, str]) -> Path:
    """Return the user's home folder: HOME, or what the password file says."""
    return Path(environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def command_at(command: str, home: str | None) -> str:
    """Return a command that works on the same home: with `--home`, or HERMES_HOME for Hermes' own commands."""
    if not home or not command:
        return command
    parts = []
    for part in command.split(" && "):
        if part.startswith(("hermes-profiles ", "hermes-gateways ")) and "--home" not in part:
            part = f"{part} --home {shlex.quote(home)}"
        elif part.startswith("hermes "):
            part = f"HERMES_HOME={shlex.quote(home)} {part}"
        parts.append(part)
    return " && ".join(parts)


def is_debugging() -> bool:
    """Return whether tracebacks are wanted."""
    return os.environ.get(DEBUG) == "1"


def from_os_error(error: OSError) -> Problem:
    """Return the problem for an error of the operating system: the path, the reason, a command to look at it."""
    place = str(error.filename) if error.filename else None
    words = system_reason(error)
    hint = f"look at it with `ls -ld {shlex.quote(_nearest(place))}`" if place else None
    if error.errno == errno.EROFS:
        from hermes_profiles.changes.errors import read_only_hint

        hint = read_only_hint(place)
    return Problem("os-error", f"{place}: {words}" if place else words, place, hint)


def _nearest(path: str) -> str:
    """Return a path, or the nearest folder above it that exists: `ls` shows nothing of a missing one."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path) or "."
    return path
