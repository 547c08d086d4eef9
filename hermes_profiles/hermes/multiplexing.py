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
# The key of the setting in config.yaml, at the top or below `gateway`.
SETTING = "multiplex_profiles"
