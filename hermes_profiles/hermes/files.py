"""Files and folders of Hermes, relative to a profile's home unless a comment says otherwise. Hermes 0.19.0."""

from __future__ import annotations

# The root and its profiles (hermes_constants.py, hermes_cli/profiles.py).
ROOT_FOLDER = ".hermes"  # below the user's home folder
PROFILES_FOLDER = "profiles"  # below the root
TOOL_HOME_FOLDER = "home"  # HOME of the shells of an agent's tools (hermes_constants.py)
ACTIVE_PROFILE_FILE = "active_profile"  # in the root: the sticky default, one name
MACHINE_FOLDER = "/etc/hermes"  # absolute: `.env` and config.yaml of all profiles (hermes_cli/managed_scope.py)
MANAGED_MARKER = ".managed"  # in the root: a package manager owns the installation (hermes_cli/config.py)
CHECKOUT_FOLDER = "hermes-agent"  # in the root: the checkout of an installation by git (hermes_cli/main.py)
LAUNCHER_FILE = ".hermes/bin/hermes"  # in the checkout, from 0.22 (hermes_cli/_launchers.py)
TOOLS_FOLDER = "tools"  # in the root, from 0.22: interpreters without packages (hermes_cli/_launchers.py)
INSTALL_STAMP_FILE = "install-stamp.json"  # beside the code: what was built (hermes_cli/version_info.py, from 0.21)
# Modules of the code that this program reads as text.
CONFIG_MODULE = "hermes_cli/config.py"
CONFIG_DEFAULTS_MODULE = "hermes_cli/config_defaults.py"  # from 0.21
# Modules with the schema of state.db, `SCHEMA_VERSION = 22` (0.19.0), 31 (0.22.2).
STATE_MODULES = ("hermes_state.py", "hermes_state_common.py")
DELETED_FOLDER = ".deleted"  # in profiles/, from 0.21: one file for each deleted name (hermes_constants.py)
DELETED_CONTENT = b"deleted\n"  # of such a file; only its existence counts
# Folders of a fresh profile (hermes_cli/profiles.py, `_PROFILE_DIRS`).
PROFILE_FOLDERS = ("memories", "sessions", "skills", "skins", "logs", "plans", "workspace", "cron", "home")
NO_SKILLS_MARKER = ".no-bundled-skills"  # the profile gets no bundled skills (hermes_cli/profiles.py)

# Settings (hermes_cli/env_loader.py, hermes_cli/config.py, gateway/config.py, hermes_cli/auth.py).
ENV_FILE = ".env"
OP_ENV_FILE = ".op.env"  # read when OP_SERVICE_ACCOUNT_TOKEN is not set
CONFIG_FILE = "config.yaml"
LEGACY_CONFIG_FILE = "gateway.json"  # base layer of older releases, still read
AUTH_FILE = "auth.json"
PROFILE_FILE = "profile.yaml"  # description and description_auto; other keys survive (hermes_cli/profiles.py)
SOUL_FILE = "SOUL.md"  # agent/prompt_builder.py
PLUGINS_FOLDER = "plugins"  # in a home, one folder a plugin, or a folder of such folders (hermes_cli/plugins.py)
# The same below the folder of the process, which is the home for a service, with HERMES_ENABLE_PROJECT_PLUGINS.
PROJECT_PLUGINS = f".hermes/{PLUGINS_FOLDER}"
PLUGIN_FILE = "plugin.yaml"  # in a plugin's folder (hermes_cli/plugins.py)
ENTRY_POINTS = "hermes_agent.plugins"  # of a package that is a plugin (hermes_cli/plugins.py)
# Behind the channel in the name of its plugin; from 0.21.4 a spelling of the channel (gateway/config.py, `Platform`).
PLUGIN_NAME_ENDING = "-platform"

# What an agent remembers and can do.
MEMORIES_FOLDER = "memories"
SKILLS_FOLDER = "skills"
SKILL_FILE = "SKILL.md"  # in a skill's folder (agent/skill_utils.py)
MEMORY_FILE = "memories/MEMORY.md"
USER_FILE = "memories/USER.md"
JOBS_FILE = "cron/jobs.json"  # cron/jobs.py

# Logins beside auth.json.
HONCHO_FILE = "honcho.json"  # plugins/memory/honcho
ANTHROPIC_LOGIN_FILE = ".anthropic_oauth.json"  # agent/anthropic_adapter.py
SHARED_LOGIN_FOLDER = "shared"  # in the root (hermes_cli/auth.py)
NOUS_LOGIN_FILE = "nous_auth.json"  # in the shared folder (hermes_cli/auth.py)

# What a gateway writes about itself (gateway/status.py, gateway/shutdown_watchdog.py).
PID_FILE = "gateway.pid"
LOCK_FILE = "gateway.lock"
STATE_FILE = "gateway_state.json"
HEARTBEAT_FILE = "state/gateway.heartbeat"
STARTS_FILE = "gateway-starts.log"

# Of later releases (hermes/behaviours.py; gateway/control_socket.py, hermes_cli/{profiles,gateway_migrate}.py).
CONTROL_SOCKET_FILE = "gateway.sock"
CONTROL_SOCKET_POINTER = "gateway.sock.path"  # one line: the socket's path, where the home's own is too long
PARKED_MARKER = "gateway.parked"  # the gateway for all profiles does not serve this one
CHECKPOINTS_FOLDER = "checkpoints"  # in a home; keyed by absolute paths (tools/checkpoint_manager.py)
MIGRATION_FILE = "gateway_migration.json"  # in the root: an unfinished fold of services into one gateway
REWRITTEN_MARKER = ".multiplex_opt_out_rewritten"  # in the root: `multiplex_profiles: false` was rewritten

# Markers and requests (gateway/status.py, gateway/drain_control.py, gateway/run.py, hermes_cli/gateway.py).
PLANNED_STOP_FILE = ".gateway-planned-stop.json"
TAKEOVER_FILE = ".gateway-takeover.json"
DRAIN_REQUEST_FILE = ".drain_request.json"
RESTART_NOTIFY_FILE = ".restart_notify.json"
RESTART_PENDING_FILE = ".restart_pending.json"
UPDATE_PENDING_FILE = ".update_pending.json"
UPDATE_CLAIMED_FILE = ".update_pending.claimed.json"
UPDATE_PROMPT_FILE = ".update_prompt.json"
UPDATE_RESPONSE_FILE = ".update_response"
UPDATE_OUTPUT_FILE = ".update_output.txt"
UPDATE_EXIT_CODE_FILE = ".update_exit_code"
NO_LAUNCHD_MARKER = ".gateway-launchd-unsupported"

# Logs, in `logs/` (hermes_logging.py; hermes_cli/gateway.py for the file of standard error).
LOGS_FOLDER = "logs"
GATEWAY_LOG = "gateway.log"
GATEWAY_ERROR_LOG = "gateway.error.log"
ERRORS_LOG = "errors.log"
# The loggers whose records, from INFO up, go to gateway.log (hermes_logging.py, COMPONENT_PREFIXES).
GATEWAY_LOGGERS = ("gateway", "hermes_plugins", "plugins.platforms")

# Databases.
STATE_DATABASE = "state.db"  # hermes_state.py: sessions, routing, deliveries
RESPONSE_DATABASE = "response_store.db"  # gateway/platforms/api_server.py
MEMORY_DATABASE = "memory_store.db"  # plugins/memory/holographic
PROJECTS_DATABASE = "projects.db"  # hermes_cli/projects_db.py
KANBAN_DATABASE = "kanban.db"  # hermes_cli/kanban_db.py: in the root, for all profiles
KANBAN_FOLDER = "kanban"  # in the root: its other boards (hermes_cli/kanban_db.py)
BACKUPS_FOLDER = "backups"  # in the root: archives of the whole root (hermes_cli/backup.py)
SNAPSHOTS_FOLDER = "state-snapshots"  # copies of the documents before an update (hermes_cli/backup.py)
EXECUTIONS_DATABASE = "cron/executions.db"  # cron/executions.py
EVIDENCE_DATABASE = "verification_evidence.db"  # agent/verification_evidence.py
DISCORD_DATABASE = "gateway/discord_message_recovery.db"  # plugins/platforms/discord/recovery.py
RETAINDB_QUEUE = "retaindb_queue.db"  # plugins/memory/retaindb

# A named profile has one of these, as a file or a link, from 0.21.4 (hermes_constants.py).
IDENTITY_FILES = (CONFIG_FILE, ENV_FILE, SOUL_FILE, PROFILE_FILE, AUTH_FILE, STATE_DATABASE)

# State of channels.
CHANNEL_DIRECTORY_FILE = "channel_directory.json"  # gateway/channel_directory.py
WEBHOOKS_FILE = "webhook_subscriptions.json"  # gateway/platforms/webhook.py
SLACK_TOKENS_FILE = "slack_tokens.json"  # plugins/platforms/slack/adapter.py
WHATSAPP_SESSION_FOLDERS = ("whatsapp/session", "platforms/whatsapp/session")  # gateway/config.py
WHATSAPP_SESSION_FOLDER, WHATSAPP_PLATFORM_SESSION_FOLDER = WHATSAPP_SESSION_FOLDERS
WEIXIN_ACCOUNTS_FOLDER = "weixin/accounts"  # gateway/platforms/weixin.py
# Files of one WeChat account, by what follows its id (gateway/platforms/weixin.py).
WEIXIN_ACCOUNT_ENDING = ".json"
WEIXIN_SYNC_ENDING = ".sync.json"
WEIXIN_CONTEXT_ENDING = ".context-tokens.json"
WEIXIN_ACCOUNT_ENDINGS = (WEIXIN_ACCOUNT_ENDING, WEIXIN_SYNC_ENDING, WEIXIN_CONTEXT_ENDING)
# Approvals by pairing: of a gateway of its own, and of a multiplexer (gateway/pairing.py).
PAIRING_FOLDER = "pairing"
PLATFORM_PAIRING_FOLDER = "platforms/pairing"
APPROVED_ENDING = "-approved.json"
PENDING_ENDING = "-pending.json"

# Locks of identities: one folder for each user of the machine, shared by all roots (gateway/status.py).
LOCKS_FOLDER = "hermes/gateway-locks"  # below XDG_STATE_HOME
LOCK_ENDING = ".lock"
HOST_RECORD = "host-gateway.json"  # in the same folder, from 0.21.4: the one gateway (gateway/host_rendezvous.py)
LOCK_DIGITS = 16  # of sha256(identity), after the scope
