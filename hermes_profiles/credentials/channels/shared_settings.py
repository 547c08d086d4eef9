"""Which settings belong to models, providers and tools: a host or an id in them is not that of a channel. Pure.

A homelab runs its model, its search and its chat server on one host. Sections: Hermes 0.22.2, hermes_cli/config.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.model.patterns import lazy_pattern

# Sections of config.yaml about models, providers and tools.
_SECTION_NAMES = """
model models model_aliases model_catalog model_overrides models_dev providers custom_providers fallback
fallback_model fallback_models fallback_providers credential_pool_strategies toolsets auxiliary delegation moa
smart_model_routing openrouter bedrock vertex nous local_runtime prompt_caching compression tts stt voice vision
image_gen video_gen web browser terminal code_execution tools mcp mcp_servers x_search lsp memory database network
proxy telemetry monitoring updates computer_use bot_desktop dashboard
"""
_SECTIONS = frozenset(_SECTION_NAMES.split())
# Ends of names that hold an address, a model, or the key of a provider.
_SHARED_NAME = lazy_pattern(
    r"(?:^|[_.-])(?:urls?|uri|hosts?|hostname|endpoints?|base|server|address|domain|proxy|model|provider|region|project"
    r"|account|tenant_id|client_id|api_key)$",
    re.IGNORECASE,
)
_HUMP = lazy_pattern(r"(?<=[a-z0-9])(?=[A-Z])")


def is_shared_variable(name: str, catalog: Catalog) -> bool:
    """Return whether a variable belongs to a model, a provider or a tool."""
    fact = catalog.lookup(name)
    if fact is not None:
        return fact.key_class is KeyClass.TOOL_OR_PROVIDER_KEY
    if _SHARED_NAME.search(name) is None:
        return False
    words = f"_{name.upper()}_"
    return not any(f"_{prefix.strip('_')}_" in words for one in catalog.channels.values() for prefix in one.prefixes)


def is_shared_path(path: Sequence[str]) -> bool:
    """Return whether a path of config.yaml, auth.json or honcho.json belongs to a model, a provider or a tool."""
    if not path:
        return False
    if path[0] in _SECTIONS or path[0] == "credential_pool":
        return True
    names = [part for part in path if not part.startswith("[")]
    return bool(names) and _SHARED_NAME.search(_HUMP.sub("_", names[-1])) is not None
