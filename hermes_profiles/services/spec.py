"""One model of a gateway's service; the renderers read the same fields. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hermes_profiles.hermes.cli import MODULE
from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_MANAGED_DIR, HERMES_S6_SUPERVISED_CHILD
from hermes_profiles.hermes.files import PROFILES_FOLDER
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.names import DEFAULT

from .naming import ServiceName

# What a gateway inherits from its manager, if it is there; everything else is cut off, so that a token that a shell
# or `systemctl --user import-environment` left behind never reaches a gateway (hermes-agent issue 75141).
INHERITED = (
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "SHELL",
    "TERM",
    "TMPDIR",
    # The network as the user set it up.
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
    # How managers talk to what they started; Hermes looks at them to know that it is supervised.
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


# `-p default` is taken out of the words when `hermes_cli.main` is run, and the gateway imports that module a second
# time: without the flag, and with a root in HERMES_HOME, it then follows `active_profile` after all, in mid-flight
# (seen with 0.19.0). Hermes lets this variable, made for its own containers, keep a supervised gateway where it is;
# all else it does is to say "supervised", which is true.
_NOT_STICKY = {HERMES_S6_SUPERVISED_CHILD: "1"}


class Program(NamedTuple):
    """How Hermes is run on this machine.

    `python`: its interpreter, links not followed (a followed one loses the virtual environment); `venv`: the
    folder of that environment, None without one; `path`: the folders of PATH, in order.
    """

    python: str
    venv: str | None
    path: tuple[str, ...]


class Limits(NamedTuple):
    """What a gateway may use: memory in bytes, CPU in percent of one core; None is no limit."""

    memory: int | None = None
    cpu: int | None = None


class ServiceSpec(NamedTuple):
    """The service of one profile's gateway, whatever manager runs it. All paths are absolute.

    `home`, `root`: resolved, as Hermes writes them; `account`: the user's login name; `account_home`: the user's
    home folder; `overlay`: the folder for HERMES_MANAGED_DIR; `prestart`: words of the command that refreshes the
    overlay before each start; `inherited`: names and `PREFIX_*` patterns that the gateway takes over from its manager,
    beyond INHERITED; `variables`: further NAME, value pairs, never a secret; `watchdog`: seconds, 0 for none;
    `drain`: seconds that Hermes waits for busy agents on a stop; `log`: the file for standard output where the manager
    has no journal; `boot_delay`: seconds to wait when started together with the manager itself (boot, login).
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
    limits: Limits = Limits()
    boot_delay: float = 0.0

    @property
    def hermes_command(self) -> tuple[str, ...]:
        """Return the words of Hermes' own definition; for the default profile they name no profile."""
        profile = ("--profile", self.name.argument) if self.name.argument else ()
        return (self.program.python, "-m", MODULE, *profile, "gateway", "run")

    @property
    def pinned_command(self) -> tuple[str, ...]:
        """Return the words that start this profile and no other, whatever `active_profile` says.

        Hermes' own words for the default profile follow a sticky profile: two gateways for that one, none for
        default (SERVICES.md 1.5). A home outside a root's profiles cannot be named; HERMES_HOME names it. Neither is
        enough by itself, see `_NOT_STICKY`.
        """
        if not self.is_named:
            return self.hermes_command
        return (self.program.python, "-m", MODULE, "-p", self.profile, "gateway", "run")

    @property
    def is_named(self) -> bool:
        """Return whether `-p` can name the profile: Hermes would look for it below the same root."""
        return self.name.argument == self.profile or (self.profile == DEFAULT and not self.name.suffix)

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
        """Return how many seconds a stop may take: Hermes' rule, 30 s after the drain, at least a minute."""
        return max(60, self.drain + 30)

    @property
    def cleaned_command(self) -> tuple[str, ...]:
        """Return `pinned_command` behind a shell that cuts off every variable that is not listed.

        No manager can do that itself: systemd only takes away by name, and what a user imported into its manager
        cannot be known when the unit is written. The shell becomes the gateway (`exec`), so the pid is the gateway's.
        """
        return ("/bin/sh", "-c", clean_script(self) + 'exec "$@"', UNIT, *self.pinned_command)


def clean_script(spec: ServiceSpec) -> str:
    """Return the shell words that unset every variable the service neither sets nor inherits."""
    kept = "|".join([*(name for name, _ in spec.environment), *INHERITED, *spec.inherited])
    # `env` also prints further lines of values: what is no name is passed over, what looks like one is unset.
    return (
        "for n in $(env | sed 's/=.*//'); do case $n in "
        f"{kept}) ;; ''|[0-9]*|*[!A-Za-z0-9_]*) ;; *) command unset \"$n\" 2>/dev/null;; esac; done; "
    )
