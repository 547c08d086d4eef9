"""Environment variables that Hermes 0.19.0 reads and this program names. Each constant is its own value.

Variables of channels that the code treats alike are data of the catalogue (`credentials/catalog/data`).
"""

from __future__ import annotations

# Where Hermes works.
HERMES_HOME = "HERMES_HOME"  # hermes_constants.py
HERMES_REAL_HOME = "HERMES_REAL_HOME"  # hermes_constants.py: the account's home, for the shells of tools
HERMES_MANAGED_DIR = "HERMES_MANAGED_DIR"  # hermes_cli/managed_scope.py
HERMES_GATEWAY_LOCK_DIR = "HERMES_GATEWAY_LOCK_DIR"  # gateway/status.py
HERMES_ENABLE_PROJECT_PLUGINS = "HERMES_ENABLE_PROJECT_PLUGINS"  # hermes_cli/plugins.py
HERMES_SAFE_MODE = "HERMES_SAFE_MODE"  # hermes_cli/plugins.py: no plugin is loaded
HERMES_SHARED_AUTH_DIR = "HERMES_SHARED_AUTH_DIR"  # hermes_cli/auth.py

# Variables of a profile's own files that send its gateway elsewhere. `.env` wins over the environment that a service
# gives (hermes_cli/env_loader.py), so a gateway started as one profile works in the home of another.
REDIRECTS = (HERMES_HOME, HERMES_MANAGED_DIR)

# How it was installed or started.
HERMES_MANAGED = "HERMES_MANAGED"  # hermes_cli/config.py
HERMES_CONTAINER = "HERMES_CONTAINER"  # hermes_cli/config.py
HERMES_SKIP_CHMOD = "HERMES_SKIP_CHMOD"  # hermes_cli/config.py
HERMES_DISABLE_LAZY_INSTALLS = "HERMES_DISABLE_LAZY_INSTALLS"  # tools/lazy_deps.py
HERMES_TIMEZONE = "HERMES_TIMEZONE"  # hermes_time.py: before `timezone` of config.yaml
HERMES_S6_SUPERVISED_CHILD = "HERMES_S6_SUPERVISED_CHILD"  # gateway/restart.py, hermes_cli/gateway.py
HERMES_SUPERVISED_CHILD = "HERMES_SUPERVISED_CHILD"  # in units of later releases
HERMES_GATEWAY_EXTERNAL_SUPERVISOR = "HERMES_GATEWAY_EXTERNAL_SUPERVISOR"  # gateway/restart.py
HERMES_RESTART_DRAIN_TIMEOUT = "HERMES_RESTART_DRAIN_TIMEOUT"  # gateway/run.py: seconds
HERMES_CRON_DRAIN_TIMEOUT = "HERMES_CRON_DRAIN_TIMEOUT"  # hermes_cli/gateway.py, from 0.20.4: seconds
# Variables with these prefixes are the process's, whichever profile it serves (agent/secret_scope.py).
PROCESS_PREFIXES = ("HERMES_", "TERMINAL_")

# The gateway as a whole.
GATEWAY_MULTIPLEX_PROFILES = "GATEWAY_MULTIPLEX_PROFILES"  # gateway/config.py
GATEWAY_HEALTH_URL = "GATEWAY_HEALTH_URL"  # hermes_cli/web_server.py
GATEWAY_ALLOW_ALL_USERS = "GATEWAY_ALLOW_ALL_USERS"  # gateway/authz_mixin.py
GATEWAY_ALLOWED_USERS = "GATEWAY_ALLOWED_USERS"  # gateway/authz_mixin.py
GATEWAY_RELAY_ID = "GATEWAY_RELAY_ID"  # gateway/relay/__init__.py

# The API server (gateway/config.py, gateway/platforms/api_server.py).
API_SERVER_ENABLED = "API_SERVER_ENABLED"
API_SERVER_HOST = "API_SERVER_HOST"
API_SERVER_PORT = "API_SERVER_PORT"
API_SERVER_KEY = "API_SERVER_KEY"
API_SERVER_CORS_ORIGINS = "API_SERVER_CORS_ORIGINS"
API_SERVER_MODEL_NAME = "API_SERVER_MODEL_NAME"

# WeChat, whose accounts this program creates and binds (gateway/config.py, gateway/platforms/weixin.py).
WEIXIN_TOKEN = "WEIXIN_TOKEN"  # noqa: S105  a name
WEIXIN_ACCOUNT_ID = "WEIXIN_ACCOUNT_ID"
WEIXIN_BASE_URL = "WEIXIN_BASE_URL"
WEIXIN_CDN_BASE_URL = "WEIXIN_CDN_BASE_URL"
WEIXIN_DM_POLICY = "WEIXIN_DM_POLICY"
WEIXIN_GROUP_POLICY = "WEIXIN_GROUP_POLICY"

# Values that Hermes takes for true (utils.py, TRUTHY_STRINGS), and the fewer ones of access rules
# (gateway/authz_mixin.py).
TRUTHY = frozenset({"1", "true", "yes", "on"})
TRUTHY_ACCESS = frozenset({"1", "true", "yes"})
SHORTEST_SECRET = 4  # a shorter value is a placeholder (hermes_cli/auth.py, has_usable_secret)
SHORTEST_API_KEY = 16  # the API server refuses a shorter key (gateway/platforms/api_server.py)
NO_AUTHENTICATION = "INSECURE_NO_AUTH"  # a webhook's secret that switches the check off (gateway/platforms/webhook.py)
