"""The model of a gateway's service that all renderers read. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path

from hermes_profiles.hermes.cli import MODULE, RUN_MODULE
from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_MANAGED_DIR, HERMES_S6_SUPERVISED_CHILD
from hermes_profiles.hermes.files import PROFILES_FOLDER
from hermes_profiles.hermes.gateway_states import CRON_RESERVE, STOP_FLOOR, STOP_HEADROOM
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT

from .naming import ServiceName, is_root

# Variables that a gateway inherits from its manager. All others are unset, so that a token from a shell or from
# `systemctl --user import-environment` never reaches a gateway (hermes-agent issue 75141).
INHERITED = (
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "SHELL",
    "TERM",
    "TMPDIR",
    # Settings of the network.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    # The session: the gateway's own tools talk to the bus, the key agent and the screen.
    "XDG_*",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    # How managers talk to their services; Hermes reads them to detect its supervisor.
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "SYSTEMD_EXEC_PID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "XPC_SERVICE_NAME",
    "XPC_FLAGS",
    "__CF_USER_TEXT_ENCODING",
)


# `hermes_cli.main` removes `-p default` from the arguments, and the gateway imports that module a second time: without
# the option, and with a root in HERMES_HOME, it then follows `active_profile` (seen with 0.19.0). With this variable,
# made for Hermes' containers, a supervised gateway keeps its profile; its only other effect is to report "supervised".
_NOT_STICKY = {HERMES_S6_SUPERVISED_CHILD: "1"}


class Program(NamedTuple):
    """How Hermes is run on this machine.

    `python`: its interpreter, links not followed (a followed one loses the virtual environment); `venv`: the
    folder of that environment, None without one; `path`: the folders of PATH, in order; `launcher`: the program of an
    installation whose interpreter has no packages, None where `python -m` works (hermes/behaviours.py, LAUNCHERS);
    `facts`: the behaviours of this Hermes.
    """

    python: str
    venv: str | None
    path: tuple[str, ...]
    launcher: str | None = None
    facts: HermesFacts = BASE

    @property
    def executable(self) -> str:
        """Return the program that a service starts."""
        return self.launcher or self.python

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return a command of Hermes."""
        return (self.launcher, *arguments) if self.launcher else (self.python, "-m", MODULE, *arguments)

    def module(self, name: str) -> tuple[str, ...]:
        """Return the command that runs a module of Hermes."""
        return (self.launcher, RUN_MODULE, name) if self.launcher else (self.python, "-m", name)


class Limits(NamedTuple):
    """Limits of a gateway: memory in bytes, CPU in percent of one core; None for no limit."""

    memory: int | None = None
    cpu: int | None = None


class Wrapper(NamedTuple):
    """A program of the user that starts the gateway, such as a vault. `in_one_word`: it takes a command for a shell."""

    words: tuple[str, ...]
    in_one_word: bool = False

    def around(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """Return the command behind the wrapper."""
        return (*self.words, f"exec {shlex.join(command)}") if self.in_one_word else (*self.words, *command)


class ServiceSpec(NamedTuple):
    """The service of one profile's gateway, for any manager. All paths are absolute.

    `home`, `root`: resolved, as Hermes writes them; `account`: the user's login name; `account_home`: the user's
    home folder; `overlay`: the folder for HERMES_MANAGED_DIR; `prestart`: the command that refreshes the overlay
    before each start; `inherited`: names and `PREFIX_*` patterns that the gateway inherits from its manager, besides
    INHERITED; `variables`: further NAME, value pairs, never a secret; `watchdog`: seconds, 0 for none;
    `drain`: seconds that Hermes waits for busy agents on a stop, `cron_drain`: for timed jobs; `log`: the file for
    standard output where the manager has no journal; `boot_delay`: seconds to wait when started together with the
    manager itself (boot, login); `wrapper`: what the user starts the gateway through.
    """

    profile: str
    home: Path
    root: Path
    name: ServiceName
    program: Program
    account: str
    account_home: Path
    overlay: Path
    prestart: tuple[str, ...]
    log: Path
    inherited: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    watchdog: int = 0
    drain: int = 0
    cron_drain: int = 0
    limits: Limits = Limits()
    boot_delay: float = 0.0
    wrapper: Wrapper = Wrapper(())

    @property
    def hermes_command(self) -> tuple[str, ...]:
        """Return the command of Hermes' own definition; it names no profile for the default one."""
        profile = ("--profile", self.name.argument) if self.name.argument else ()
        return self.program.command(*profile, "gateway", "run")

    @property
    def pinned_command(self) -> tuple[str, ...]:
        """Return the command that starts this profile, independent of `active_profile`.

        Hermes' own command for the default profile follows a sticky profile: two gateways for that one, none for
        default. A home outside a root's profiles has no name; HERMES_HOME selects it. Neither is enough alone, see
        `_NOT_STICKY`.
        """
        if not self.is_named:
            return self.hermes_command
        return self.program.command("-p", self.profile, "gateway", "run")

    @property
    def is_named(self) -> bool:
        """Return whether `-p` can name the profile: Hermes would look for it below the same root."""
        return self.name.argument == self.profile or (self.profile == DEFAULT and is_root(self.home, self.account_home))

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """Return every variable the service sets, in a stable order."""
        own = {
            "HOME": str(self.account_home),
            "USER": self.account,
            "LOGNAME": self.account,
            "PATH": ":".join(self.program.path),
            **({"VIRTUAL_ENV": self.program.venv} if self.program.venv else {}),
            HERMES_HOME: str(self.home),
            HERMES_MANAGED_DIR: str(self.overlay),
            **({} if self.home.parent.name == PROFILES_FOLDER else _NOT_STICKY),
            **dict(self.variables),
        }
        return tuple(own.items())

    @property
    def stop_timeout(self) -> int:
        """Return the time limit of a stop in seconds: Hermes' rule, 30 s after the drain, at least a minute."""
        return stop_limit(self.drain, self.cron_drain)

    @property
    def cleaned_command(self) -> tuple[str, ...]:
        """Return `pinned_command` behind a shell that unsets every variable that is not listed.

        No manager can do that itself: systemd unsets by name only, and the variables that a user imports into the
        manager are unknown when the unit is written. The shell execs the gateway, so the pid is the gateway's.
        A wrapper comes behind the shell, which would unset what a vault gives to the gateway.
        """
        return ("/bin/sh", "-c", clean_script(self) + 'exec "$@"', UNIT, *self.wrapper.around(self.pinned_command))


def matches_name(name: str, patterns: Collection[str]) -> bool:
    """Return whether a variable is one of these names, or begins like one of these `PREFIX*` patterns."""
    return any(name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])) for pattern in patterns)


def stop_limit(drain: int, cron_drain: int) -> int:
    """Return the time limit of a stop in seconds for the seconds of both waits (gateway/restart.py)."""
    jobs = cron_drain + CRON_RESERVE if cron_drain > 0 else 0
    return max(STOP_FLOOR, max(drain, jobs) + STOP_HEADROOM)


def clean_script(spec: ServiceSpec) -> str:
    """Return the shell code that unsets every variable the service neither sets nor inherits."""
    kept = "|".join([*(name for name, _ in spec.environment), *INHERITED, *spec.inherited])
    # `env` also prints the further lines of values: a line without a name is skipped, one with a name is unset.
    return (
        "for n in $(env | sed 's/=.*//'); do case $n in "
        f"{kept}) ;; ''|[0-9]*|*[!A-Za-z0-9_]*) ;; *) command unset \"$n\" 2>/dev/null;; esac; done; "
    )
