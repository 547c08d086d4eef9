"""Which names a profile or an alias can have. Hermes 0.19.0, hermes_cli/profiles.py."""

from __future__ import annotations

PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
RESERVED = frozenset({"hermes", "default", "test", "tmp", "root", "sudo"})
ALIAS_MARK = "hermes -p"  # a script with this text counts as an alias
