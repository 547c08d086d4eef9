"""Channels that a Hermes plugin brings: what its plugin.yaml declares becomes a row of the catalogue.

Hermes 0.19.0 finds plugins in its own `plugins/platforms/*/`, in `<home>/plugins/<name>/` and one folder
deeper (`plugin.yaml`, else `plugin.yml`), and as entry points. The name of the channel is not in the
manifest: `hermes_cli/plugins.py` takes the plugin's name without `-platform`, else the name of its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from hermes_profiles.documents.yaml.parser import without_quotations
from hermes_profiles.hermes.files import AUTH_FILE, PLUGIN_NAME_ENDING, PLUGINS_FOLDER
from hermes_profiles.model.errors import DocumentError

from .model import Channel, KeyClass, KeyFact, PluginPlace, Sharing
from .plugin_code import PluginCode, read_plugin_code

# Hermes' own namespaces: a plugin called `hermes` must not claim HERMES_INFERENCE_PROVIDER.
_NOT_A_STEM = frozenset({"HERMES", "GATEWAY"})
# hermes_cli/config.py, _inject_platform_plugin_env_vars.
_SECRET_ENDINGS = ("_TOKEN", "_SECRET", "_KEY", "_PASSWORD", "_JSON")
# Where a plugin of a channel keeps its account, in its own folder: a copy would be the same account.
_STATE_FILES = (
    "secret*.json", "credential*.json", "*token.json", "*tokens.json", AUTH_FILE, "account*.json", "session.json",
    "sessions.json", "cookies.json", "service_account*.json", "service-account*.json", "*.session",
)  # fmt: skip
_SETTING_MARKS = ("_ALLOWED", "_HOME_CHANNEL", "_ALLOW_ALL")


def parse_plugin_channel(text: str, *, path: str) -> Channel | None:
    """Return the channel that a plugin.yaml declares, None when the plugin is not a channel.

    Raises DocumentError when the file is not a YAML mapping.
    """
    data = _load(text, path)
    kind = data.get("kind")
    if not isinstance(kind, str) or kind.strip().lower() != "platform":
        return None
    name = _channel_name(data, path)
    required = tuple(_variables(data.get("requires_env")))
    optional = tuple(_variables(data.get("optional_env")))
    facts = {variable: _required(variable, entry, name) for variable, entry in required}
    for variable, entry in optional:
        facts.setdefault(variable, _optional(variable, entry, name))
    enabling = frozenset(variable for variable, _ in required)
    return Channel(
        name=name,
        sharing=Sharing.exclusive,
        why="A plugin's channel: nothing is known of sharing it, so one process holds it.",
        prefixes=_prefixes(name),
        keys=tuple(facts.values()),
        enable_sets=(enabling,) if enabling else (),
        enable_note=f"all of requires_env in {path}",
        lock_identity=(tuple(variable for variable, _ in required),) if required else (),
        origin="plugin",
    )


def parse_plugin(text: str, files: Mapping[str, str], *, path: str) -> tuple[tuple[Channel, ...], PluginCode]:
    """Return the channels of a plugin in a home, of its manifest and of its code, and what its code says.

    `files`: the Python files of the plugin, path → text; `path`: that of the manifest. Raises DocumentError when the
    manifest is not a YAML mapping.
    """
    declared = parse_plugin_channel(text, path=path)
    code = read_plugin_code(files)
    if declared is None and not code.registers:
        return (), code
    data = _load(text, path)
    folder = PurePath(path).parent
    given = data.get("name", folder.name)
    name = given.strip() if isinstance(given, str) else folder.name
    names = dict.fromkeys(code.names)
    if declared is not None or code.unread is not None:
        names.setdefault(_channel_name(data, path))
    if code.unread is not None:
        names.setdefault(folder.name.lower())
    known = tuple(dict.fromkeys((name, folder.name, f"{folder.parent.name}/{folder.name}")))
    places = _places(folder, name, data, files)
    state = tuple(_state(folder))
    channels = (_of_code(channel, data, code.variables, path, known) for channel in names)
    return tuple(channel._replace(loaded_by=places, state=state) for channel in channels), code


def _state(folder: PurePath) -> Iterator[str]:
    """Yield the globs of the files in a plugin's folder that hold the account of its channel."""
    parts = folder.parts
    if PLUGINS_FOLDER in parts:
        inner = parts[len(parts) - 1 - parts[::-1].index(PLUGINS_FOLDER) :]
        yield from ("/".join((*inner, name)) for name in _STATE_FILES)


def parse_package(plugin: str, files: Mapping[str, str], *, path: str) -> tuple[Channel, ...]:
    """Return the channels that an installed package registers; `plugin`: the name of its entry point.

    `files`: its Python files, path → text. Any home loads it whose `plugins.enabled` names it.
    """
    code = read_plugin_code(files)
    names = code.names or ((plugin.lower(),) if code.unread is not None else ())
    channels = (_of_code(channel, {}, code.variables, path, (plugin,)) for channel in names)
    return tuple(channel._replace(loaded_by=(PluginPlace("", (plugin,)),)) for channel in channels)


def _places(folder: PurePath, name: str, data: Mapping[str, Any], files: Mapping[str, str]) -> tuple[PluginPlace, ...]:
    """Return where Hermes finds a plugin, () for one that it does not load at its start."""
    if _is_provider(folder, data, files):
        return ()
    if folder.parent.name == PLUGINS_FOLDER:
        return (PluginPlace(str(folder.parent), (name,)),)
    return (PluginPlace(str(folder.parent.parent), (f"{folder.parent.name}/{folder.name}", name)),)


def _is_provider(folder: PurePath, data: Mapping[str, Any], files: Mapping[str, str]) -> bool:
    """Return whether Hermes takes a plugin for a provider of memory or models, which its settings name (0.19.0)."""
    if "kind" in data:
        kind = data["kind"]
        return isinstance(kind, str) and kind.strip().lower() in ("exclusive", "model-provider")
    text = files.get(str(folder / "__init__.py"), "")[:8192]
    is_memory = "register_memory_provider" in text or "MemoryProvider" in text
    return is_memory or ("register_provider" in text and "ProviderProfile" in text)


def _of_code(
    name: str, data: Mapping[str, Any], variables: tuple[str, ...], path: str, plugins: tuple[str, ...]
) -> Channel:
    required = tuple(_variables(data.get("requires_env")))
    facts = {variable: _required(variable, entry, name) for variable, entry in required}
    for variable, entry in _variables(data.get("optional_env")):
        facts.setdefault(variable, _optional(variable, entry, name))
    for variable in variables:
        facts.setdefault(variable, _read_by_code(variable, name))
    enabling = frozenset(variable for variable, _ in required)
    secrets = [variable for variable in variables if facts[variable].secret]
    sets = (enabling,) if enabling else tuple(frozenset({variable}) for variable in secrets)
    return Channel(
        name=name,
        sharing=Sharing.exclusive,
        why="A plugin's channel: nothing is known of sharing it, so one process holds it.",
        prefixes=_prefixes(name),
        keys=tuple(facts.values()),
        enable_sets=sets,
        enable_note=f"registered by the code beside {path}",
        lock_identity=tuple(tuple(sorted(names)) for names in sets),
        origin="plugin",
        plugins=plugins,
    )


def _read_by_code(name: str, channel: str) -> KeyFact:
    """Return the fact of a variable that only the code names; one that is not a secret is not masked in a clone."""
    if not _is_secret(name, {}):
        return _optional(name, {}, channel)._replace(note="read by the plugin", known=False)
    return _required(name, {}, channel)._replace(note="read by the plugin", auto_enables=False)


def _prefixes(name: str) -> tuple[str, ...]:
    stem = name.upper().replace("-", "_")
    return () if stem in _NOT_A_STEM else (f"{stem}_",)


def _load(text: str, path: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML  # 25 ms that only homes with plugins pay
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True  # as Hermes' reader does
    hint = "fix the file, or remove the plugin's folder"
    try:
        data = yaml.load(text.removeprefix("\ufeff"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        reason = str(error.problem or error.context)
        raise DocumentError(path, line, f"not YAML: {without_quotations(reason)}", hint=hint) from None
    except (YAMLError, ValueError, RecursionError):
        raise DocumentError(path, None, "not YAML", hint=hint) from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise DocumentError(path, 1, "a plugin.yaml is a mapping, this is not", hint=hint)
    return data


def _channel_name(data: Mapping[str, Any], path: str) -> str:
    folder = PurePath(path).parent.name
    given = data.get("name", folder)
    name = given.strip() if isinstance(given, str) else ""
    name = (name.removesuffix(PLUGIN_NAME_ENDING) if name.endswith(PLUGIN_NAME_ENDING) else folder or name).lower()
    if not name:
        raise DocumentError(path, None, "a channel without a name", hint="give it a line `name: …-platform`")
    return name


def _variables(entries: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (variable, declaration); what Hermes does not understand it skips, and so does this."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str) and entry.strip():
            yield entry.strip(), {}
        elif isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"].strip():
            yield entry["name"].strip(), entry


def _is_secret(name: str, entry: Mapping[str, Any]) -> bool:
    if _is_true(entry.get("password")) or _is_true(entry.get("secret")):
        return True
    return entry.get("password") is not False and name.upper().endswith(_SECRET_ENDINGS)


def _is_true(value: Any) -> bool:
    # YAML 1.1, which Hermes reads, has `yes` and `on`; this reader gives them as text.
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes", "on"))


def _required(name: str, entry: Mapping[str, Any], channel: str) -> KeyFact:
    return KeyFact(
        name,
        channel,
        KeyClass.IDENTITY_CREDENTIAL,
        auto_enables=True,
        note="required by the plugin",
        secret=_is_secret(name, entry),
        origin="plugin",
    )


def _optional(name: str, entry: Mapping[str, Any], channel: str) -> KeyFact:
    secret = _is_secret(name, entry)
    upper = name.upper()
    if secret:
        key_class = KeyClass.IDENTITY_COMPANION
    elif any(mark in upper for mark in _SETTING_MARKS):
        key_class = KeyClass.IDENTITY_SETTING
    elif upper.endswith(("_PORT", "_HOST")):
        key_class = KeyClass.PORT_BIND
    else:
        key_class = KeyClass.IDENTITY_SETTING
    return KeyFact(name, channel, key_class, note="optional for the plugin", secret=secret, origin="plugin")
