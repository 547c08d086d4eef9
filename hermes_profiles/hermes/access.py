"""Rules of access: the variables, policies and lists that decide which users can reach an agent. Hermes 0.19.0.

Source: gateway/authz_mixin.py, gateway/run.py, and the adapters in gateway/platforms and plugins/platforms.
"""

from __future__ import annotations

from collections.abc import Mapping

# An allow-list that is set and names no user; a blank one counts as not set.
EMPTY_LIST = ","
# Channels that decide by a policy of their own (gateway/run.py, `_OWN_POLICY_OPEN_ENV`): for direct messages and for
# groups the variable of the policy (or ""), and the policy without a setting.
POLICIES: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "weixin": (("WEIXIN_DM_POLICY", "pairing"), ("WEIXIN_GROUP_POLICY", "disabled")),
    "wecom": (("WECOM_DM_POLICY", "pairing"), ("WECOM_GROUP_POLICY", "pairing")),
    "yuanbao": (("YUANBAO_DM_POLICY", "pairing"), ("YUANBAO_GROUP_POLICY", "pairing")),
    "qqbot": (("", "pairing"), ("", "pairing")),
    "whatsapp": (("WHATSAPP_DM_POLICY", "pairing"), ("WHATSAPP_GROUP_POLICY", "pairing")),
}
# Channels whose access variables reach the adapter of a served profile: gateway/config.py reads them with `get_secret`
# into the adapter's settings, and the process's own count only where the profile's are blank.
READ_PER_PROFILE = frozenset({"weixin", "yuanbao", "qqbot"})
# Of these, the list of users in `.env` replaces `allow_from` in config.yaml.
LIST_REPLACES_CONFIG = frozenset({"weixin", "qqbot"})
# Channels where a list in `.env` has the effect of `allow_from`, and is read before it.
LIST_BEFORE_CONFIG = ("weixin",)
# Variables that the gateway alone reads, the profile's own value first.
READ_BY_GATEWAY_ALONE = frozenset(
    {
        "TELEGRAM_ALLOWED_USERS",
        "TELEGRAM_GROUP_ALLOWED_USERS",
        "TELEGRAM_ALLOW_ALL_USERS",
        "SLACK_ALLOWED_USERS",
        "WHATSAPP_ALLOW_ALL_USERS",
        "WECOM_ALLOW_ALL_USERS",
        "MATTERMOST_ALLOWED_USERS",
        "MATTERMOST_ALLOW_ALL_USERS",
    }
)
# Channels whose adapter reads GATEWAY_ALLOW_ALL_USERS and GATEWAY_ALLOWED_USERS itself.
READ_GATEWAY_LISTS = frozenset({"discord", "feishu", "matrix", "email"})
# Lists that an adapter reads from the environment of the process.
ADAPTER_LISTS = frozenset(
    {
        "TELEGRAM_GROUP_ALLOWED_USERS",
        "TELEGRAM_GROUP_ALLOWED_CHATS",
        "QQ_GROUP_ALLOWED_USERS",
    }
)
# Lists that only the adapter reads: variable and the key of `extra` with the same effect.
CONFIG_LISTS: Mapping[str, Mapping[str, str]] = {
    "weixin": {"WEIXIN_GROUP_ALLOWED_USERS": "group_allow_from"},
    "yuanbao": {"YUANBAO_DM_ALLOW_FROM": "dm_allow_from", "YUANBAO_GROUP_ALLOW_FROM": "group_allow_from"},
}
# Keys of config.yaml that become variables of the whole process (`_apply_yaml_config` of each adapter): channel →
# (key, variable, whether the key is also read below `extra`).
CONFIG_VARIABLES: Mapping[str, tuple[tuple[str, str, bool], ...]] = {
    "telegram": (
        ("allow_from", "TELEGRAM_ALLOWED_USERS", False),
        ("group_allow_from", "TELEGRAM_GROUP_ALLOWED_USERS", False),
        ("group_allowed_chats", "TELEGRAM_GROUP_ALLOWED_CHATS", False),
        ("allowed_chats", "TELEGRAM_ALLOWED_CHATS", False),
        ("allowed_topics", "TELEGRAM_ALLOWED_TOPICS", False),
        ("ignored_threads", "TELEGRAM_IGNORED_THREADS", False),
        ("allow_bots", "TELEGRAM_ALLOW_BOTS", False),
        ("guest_mode", "TELEGRAM_GUEST_MODE", False),
    ),
    "discord": (
        ("allow_from", "DISCORD_ALLOWED_USERS", True),
        ("allowed_channels", "DISCORD_ALLOWED_CHANNELS", False),
        ("ignored_channels", "DISCORD_IGNORED_CHANNELS", False),
    ),
    "slack": (("allow_bots", "SLACK_ALLOW_BOTS", False), ("allowed_channels", "SLACK_ALLOWED_CHANNELS", False)),
    "dingtalk": (("allowed_users", "DINGTALK_ALLOWED_USERS", True), ("allowed_chats", "DINGTALK_ALLOWED_CHATS", False)),
    "matrix": (
        ("allowed_users", "MATRIX_ALLOWED_USERS", False),
        ("allowed_rooms", "MATRIX_ALLOWED_ROOMS", False),
        ("ignore_user_patterns", "MATRIX_IGNORE_USER_PATTERNS", False),
    ),
    "mattermost": (("allowed_channels", "MATTERMOST_ALLOWED_CHANNELS", False),),
    "feishu": (("allow_bots", "FEISHU_ALLOW_BOTS", False),),
    "whatsapp": (
        ("allow_from", "WHATSAPP_ALLOWED_USERS", False),
        ("group_allow_from", "WHATSAPP_GROUP_ALLOWED_USERS", False),
        ("dm_policy", "WHATSAPP_DM_POLICY", False),
        ("group_policy", "WHATSAPP_GROUP_POLICY", False),
    ),
}
# Lists of users or chats that count in groups only (gateway/authz_mixin.py); `*` in one admits every group.
GROUP_LISTS: Mapping[str, tuple[str, ...]] = {
    "telegram": ("TELEGRAM_GROUP_ALLOWED_USERS", "TELEGRAM_GROUP_ALLOWED_CHATS"),
    "qqbot": ("QQ_GROUP_ALLOWED_USERS",),
}
# Channels whose adapter reads its list of users and takes `*` for all of them, while the policy for direct messages is
# `allowlist`; here: the policy without a setting. Those of weixin and yuanbao match no `*`.
OPEN_LISTS: Mapping[str, str] = {
    "wecom": "pairing",
    "qqbot": "pairing",
    "whatsapp": "pairing",
    "whatsapp_cloud": "allowlist",
}
OPEN_LIST_KEYS = ("allow_from", "allowFrom")
# Channels without a check of the sender.
UNCHECKED = frozenset({"api_server", "webhook", "homeassistant", "relay"})


def users_variable(channel: str) -> str:
    """Return the variable with the list of allowed users of a channel (gateway/authz_mixin.py)."""
    return "QQ_ALLOWED_USERS" if channel == "qqbot" else f"{channel.upper()}_ALLOWED_USERS"


def allow_all_variable(channel: str) -> str:
    """Return the variable that opens a channel to all users (gateway/authz_mixin.py)."""
    return "QQ_ALLOW_ALL_USERS" if channel == "qqbot" else f"{channel.upper()}_ALLOW_ALL_USERS"
