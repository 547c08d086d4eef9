"""How one gateway serves several profiles. Hermes 0.19.0, gateway/run.py and gateway/config.py."""

from __future__ import annotations

# Channels that listen on a port: a profile other than the default that switches one on is not served at all
# (gateway/config.py, PORT_BINDING_PLATFORM_VALUES; gateway/run.py, `_start_one_profile_adapters`).
LISTENERS = frozenset(
    {
        "webhook",
        "api_server",
        "msgraph_webhook",
        "wecom_callback",
        "bluebubbles",
        "sms",
        "whatsapp_cloud",
        "line",
    }
)
# Channels that listen in one of their modes only.
LISTENERS_IN_A_MODE = frozenset({"feishu"})
# Channels whose adapter takes the account from the environment of the process.
PROCESS_ACCOUNTS = frozenset({"email", "teams"})
# The same, unless the account is set in config.yaml.
PROCESS_ACCOUNTS_UNLESS_CONFIGURED = frozenset({"irc", "ntfy", "simplex", "photon", "raft", "google_chat"})
# Switched on in the default profile's environment, these start once more for each other profile, with the default
# profile's account.
STARTED_FOR_EACH_PROFILE = ("email", "homeassistant", "irc", "line", "ntfy", "simplex", "sms", "whatsapp")
# Values of GATEWAY_MULTIPLEX_PROFILES (gateway/config.py).
ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")
# In `multiplex_standalone_reason` of gateway_state.json: the gateway was started when there was nothing else to serve
# (hermes_cli/gateway_multiplex_mode.py, SINGLE_PROFILE_REASON, from 0.21.4).
ONLY_PROFILE = "only one profile exists"
ADOPTION_INTERVAL = 30.0  # seconds between two readings of `profiles/` (gateway/run_profile_reconcile.py, from 0.21.3)
# The key of the setting in config.yaml, at the top or below `gateway`.
SETTING = "multiplex_profiles"

# Later releases (hermes/behaviours.py, FOLDS_ON_UPDATE and ONE_GATEWAY).
# In default's config.yaml: whether `hermes update` folds services by itself; true where unset
# (hermes_cli/gateway_migrate_guards.py, `auto_migration_opted_out`).
AUTO_MIGRATION = ("gateway", "auto_multiplex_migration")
# In a named profile's config.yaml: it keeps a gateway of its own (hermes_cli/profiles.py, `profile_is_standalone`).
STANDALONE = ("gateway", "standalone")
# Hermes 0.22.2, hermes_cli/gateway_multiplex_mode.py, STANDALONE_DEPRECATION_NOTICE, in our words.
STANDALONE_END = (
    "`gateway.standalone` is temporary: Hermes removes it, without a date, once its one gateway does what separate "
    "gateways did"
)
MIGRATE_COMMAND = "hermes gateway migrate --multiplex"  # folds now what `hermes update` would fold
# Channels of a named profile that its part of the one gateway does not start (gateway/run_adapters.py, 0.22.2).
SHARED_INGRESS = frozenset({"relay"})
# Channels that the default's own listener serves for each profile, with the path after `/p/NAME`
# (gateway/config.py, SHARED_LISTENER_MIRROR_PATHS); the others that listen get `/p/NAME/` as well.
MIRRORED = {"api_server": "/v1", "webhook": "/webhooks/ROUTE"}
# States of such a channel in which it serves the others (gateway/status.py, from 0.21.3).
MIRRORED_STATES = frozenset({"connected", "connecting", "retrying"})
PROFILE_PREFIX = "/p/"
