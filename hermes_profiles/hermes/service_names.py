"""Names of the services that Hermes 0.19.0 installs (hermes_cli/gateway.py)."""

from __future__ import annotations

# Base names; `-SUFFIX` follows for a named profile (`_profile_suffix`, `get_service_name`, `get_launchd_label`).
UNIT = "hermes-gateway"
LABEL = "ai.hermes.gateway"
# Names of older releases.
LEGACY_UNIT_FILE = "hermes.service"
LEGACY_LABEL = "com.hermes.gateway"
LEGACY_FILES = (LEGACY_UNIT_FILE, f"{LEGACY_LABEL}.plist")
SUFFIX_DIGITS = 8  # of sha256(home), for a home that is not a profile of the default root

# Folders of the definitions. From 0.21.4 Hermes reads XDG_CONFIG_HOME for units (hermes/behaviours.py).
USER_UNITS = ".config/systemd/user"  # below the user's home folder
XDG_UNITS = "systemd/user"  # below XDG_CONFIG_HOME
SYSTEM_UNITS = "/etc/systemd/system"
LAUNCH_AGENTS = "Library/LaunchAgents"  # below the home folder of the account
# Hermes installs none there; other programs and administrators do.
SHARED_AGENTS, LAUNCH_DAEMONS = "/Library/LaunchAgents", "/Library/LaunchDaemons"
