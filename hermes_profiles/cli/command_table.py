"""The commands of both programs: where each one is, its line in the program's help, its group."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_profiles.model.named_tuple import NamedTuple

HELP = ("-h", "--help")


class CommandEntry(NamedTuple):
    """A command: `place` is `module:function` below cli/commands; `summary`, of 45 characters at most, is never cut."""

    place: str
    summary: str
    group: str


class CliProgram(NamedTuple):
    """A program: its commands in the order of the help; `hidden` are called by services and in no help.

    `overview`: the place of what answers without a command.
    `aliases`: short names of other tools, in no help; `synonyms`: names that other tools have for a command. They are
    not run, because some other tool means something else by them; the error names the command.
    """

    name: str
    summary: str
    commands: Mapping[str, CommandEntry]
    hidden: Mapping[str, CommandEntry]
    epilog: str
    aliases: Mapping[str, str] = {}
    synonyms: Mapping[str, str] = {}
    overview: str = ""

    def place(self, name: str) -> str | None:
        """Return `module:function` of a command, hidden ones included; None for an unknown name."""
        entry = self.commands.get(name) or self.hidden.get(name)
        return entry.place if entry is not None else None


_PROFILES, _SETTINGS, _FAULTS, _MORE = "Profiles", "Settings and keys", "Faults", "More"
_RUN, _SERVICES, _SELECTION = "Gateways", "Services", "Selection"

_PROFILE_COMMANDS: Mapping[str, CommandEntry] = {
    "create": CommandEntry("profile.create:create", "Create a profile, empty or as a clone", _PROFILES),
    "clone": CommandEntry("profile.clone:clone", "Clone a profile without its identities", _PROFILES),
    "list": CommandEntry("profile.list:list_profiles", "List the profiles of a root", _PROFILES),
    "show": CommandEntry("profile.list:show", "Show one profile", _PROFILES),
    "use": CommandEntry("profile.manage:use", "Set the default profile of `hermes`", _PROFILES),
    "connect": CommandEntry("profile.connect:connect", "Connect a profile to a channel", _PROFILES),
    "rename": CommandEntry("profile.manage:rename", "Rename a profile, its alias and its service", _PROFILES),
    "delete": CommandEntry("profile.manage:delete", "Move a profile to the trash", _PROFILES),
    "restore": CommandEntry("profile.manage:restore", "Restore a profile or files from the trash", _PROFILES),
    "trash": CommandEntry("profile.trash:app", "List or empty the trash", _PROFILES),
    "alias": CommandEntry("profile.manage:alias", "Add or remove the command of a profile", _PROFILES),
    "export": CommandEntry("profile.archive:export", "Write profiles into one file", _PROFILES),
    "import": CommandEntry("profile.archive:import_archive", "Take in profiles from a file", _PROFILES),
    "backup": CommandEntry("profile.backup:app", "Back up profiles, and restore them", _PROFILES),
    "team": CommandEntry("team.app:app", "Many accounts that share one agent", _PROFILES),
    "config": CommandEntry("profile.config:app", "Show or change a setting of config.yaml", _SETTINGS),
    "env": CommandEntry("profile.env:app", "Show or change keys of .env", _SETTINGS),
    "diff": CommandEntry("profile.diff_sync:diff", "Compare two profiles", _SETTINGS),
    "sync": CommandEntry("profile.diff_sync:sync", "Copy settings to other profiles", _SETTINGS),
    "doctor": CommandEntry("profile.doctor:doctor", "Find and fix faults between profiles", _FAULTS),
    "repair": CommandEntry("profile.repair:repair", "Remove bots from profiles that copied them", _FAULTS),
    "undo": CommandEntry("profile.manage:undo", "Undo the last change, or the one named", _FAULTS),
    "explain": CommandEntry("profile.explain:explain", "Explain what a clone does with a key or file", _FAULTS),
    "catalog": CommandEntry("profile.explain:catalog", "Show the known channels and their keys", _MORE),
    "completion": CommandEntry("profile.completion:completion", "Print the completion script for a shell", _MORE),
    "shim": CommandEntry("profile.shim:app", "Add these commands to `hermes` itself", _MORE),
    "demo": CommandEntry("demo.demo:demo", "See it all in a sandbox", _MORE),
}

_GATEWAY_COMMANDS: Mapping[str, CommandEntry] = {
    "start": CommandEntry("gateway.start_stop:start", "Start gateways and wait until they are up", _RUN),
    "stop": CommandEntry("gateway.start_stop:stop", "Stop gateways; their services stay", _RUN),
    "restart": CommandEntry("gateway.start_stop:restart", "Restart gateways", _RUN),
    "run": CommandEntry("gateway.run:run", "Run gateways in the foreground", _RUN),
    "status": CommandEntry("gateway.status:status", "Show state, channels and service of each", _RUN),
    "list": CommandEntry("gateway.status:list_gateways", "List all gateways and their states", _RUN),
    "upgrade-check": CommandEntry(
        "gateway.upgrade_check:upgrade_check", "Show what `hermes update` does to services", _RUN
    ),
    "logs": CommandEntry("gateway.logs:logs", "Show the logs of all as one stream", _RUN),
    "events": CommandEntry("gateway.events:events", "Show what happened to gateways", _RUN),
    "history": CommandEntry("gateway.events:history", "Show uptime and outages of one gateway", _RUN),
    "metrics": CommandEntry("gateway.metrics:metrics", "Print metrics for Prometheus, or serve them", _RUN),
    "install": CommandEntry("gateway.services:install", "Install the services of all gateways", _SERVICES),
    "uninstall": CommandEntry("gateway.services:uninstall", "Stop gateways and remove their services", _SERVICES),
    "stage": CommandEntry("gateway.services:stage", "Write service files without loading them", _SERVICES),
    "print": CommandEntry("gateway.services:print_service", "Print the files of a profile's service", _SERVICES),
    "move": CommandEntry("gateway.move:move", "Take a profile to another place", _SERVICES),
    "render": CommandEntry("gateway.render:app", "Write the files of a root for Kubernetes", _SERVICES),
    "reset": CommandEntry("gateway.enable_group:reset", "Clear the failed state of services", _SERVICES),
    "watch": CommandEntry("gateway.watch:watch", "Log each change of state, as a service", _SERVICES),
    "alert": CommandEntry("gateway.alert:app", "Send a message when a gateway is down", _SERVICES),
    "place": CommandEntry("gateway.place:app", "Roots on other hosts and in clusters", _SELECTION),
    "enable": CommandEntry("gateway.enable_group:enable", "Include a profile in fleet commands again", _SELECTION),
    "disable": CommandEntry("gateway.enable_group:disable", "Exclude a profile from fleet commands", _SELECTION),
    "group": CommandEntry("gateway.enable_group:group", "List or change groups of profiles", _SELECTION),
    "awake": CommandEntry("gateway.awake:awake", "Keep the computer awake for gateways", _SELECTION),
}
_CALLED_BY_SERVICES: Mapping[str, CommandEntry] = {
    "prestart": CommandEntry("gateway.prestart:prestart", "", ""),
    "finish-restart": CommandEntry("gateway.finish_restart:finish_restart_command", "", ""),
    "watch-run": CommandEntry("gateway.watch_run:watch_run", "", ""),
    "alert-send": CommandEntry("gateway.alert_send:alert_send", "", ""),
    "place-facts": CommandEntry("gateway.place_remote:place_facts", "", ""),
    "place-key": CommandEntry("gateway.place_remote:place_key", "", ""),
    "awake-hold": CommandEntry("gateway.awake_hold:awake_hold", "", ""),
    "move-side": CommandEntry("gateway.move_side:move_side", "", ""),
}
_PROFILE_SYNONYMS: Mapping[str, str] = {
    "remove": "delete", "del": "delete", "destroy": "delete", "add": "create", "new": "create", "init": "create",
    "copy": "clone", "cp": "clone", "duplicate": "clone", "mv": "rename", "move": "rename", "info": "show",
    "describe": "show", "view": "show", "inspect": "show", "get": "show", "switch": "use", "activate": "use",
    "select": "use", "fix": "repair", "check": "doctor", "health": "doctor", "revert": "undo",
    "rollback": "undo", "recover": "restore", "undelete": "restore", "set": "config", "settings": "config",
    "compare": "diff", "login": "connect", "setup": "connect", "channels": "catalog", "why": "explain",
}  # fmt: skip
_GATEWAY_SYNONYMS: Mapping[str, str] = {
    "launch": "start", "kill": "stop", "halt": "stop", "shutdown": "stop", "reload": "restart",
    "bounce": "restart", "log": "logs", "tail": "logs", "journal": "logs", "add": "install", "remove": "uninstall",
    "rm": "uninstall", "delete": "uninstall", "show": "status", "health": "status", "top": "status",
    "info": "status", "on": "enable", "off": "disable", "groups": "group", "cat": "print",
    "update-check": "upgrade-check", "reset-failed": "reset",
}  # fmt: skip

HERMES_PROFILES = CliProgram(
    "hermes-profiles",
    "Create, clone and maintain Hermes profiles. A clone never carries an identity.",
    _PROFILE_COMMANDS,
    {},
    """Examples:

  hermes-profiles demo                see it all in a sandbox
  hermes-profiles clone default work  a new agent like default, no bots
  hermes-profiles create work --clone --dry-run
  hermes-profiles list

Exit codes: 0 done, 1 failed, 2 usage, 3 negative answer, 4 no service manager,
5 not found, 6 refused for safety, 130 interrupted.

See also: `hermes-gateways --help` (start, stop and watch all gateways)""",
    {"ls": "list", "rm": "delete"},
    _PROFILE_SYNONYMS,
    "profile.overview:overview",
)
HERMES_GATEWAYS = CliProgram(
    "hermes-gateways",
    "The gateways of all profiles as services, and one command for all of them.",
    _GATEWAY_COMMANDS,
    _CALLED_BY_SERVICES,
    """Examples:

  hermes-gateways install --start   install and start the services
  hermes-gateways status
  hermes-gateways restart --rolling
  hermes-gateways stop work

Exit codes: 0 done, 1 failed, 2 usage, 3 a gateway is down,
4 no service manager, 5 not found, 6 refused for safety, 130 interrupted.

See also: `hermes-profiles --help` (create, clone and repair profiles)""",
    {"ls": "list", "ps": "status", "up": "start", "down": "stop"},
    _GATEWAY_SYNONYMS,
    "gateway.overview:overview",
)
