"""From the JSON of `data/` to the values of catalog_model. Wrong data raises; a test loads it all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .model import Channel, KeyClass, KeyFact, LeftBehindRule, OAuthRow, Port, Sharing

DATA = Path(__file__).parent / "data"
_CLASSES: Mapping[str, KeyClass] = {member.value: member for member in KeyClass}


def read_data(name: str) -> Any:
    """Return the parsed content of one file below `data/`."""
    return json.loads((DATA / name).read_bytes())


def channels(data: Mapping[str, Any]) -> dict[str, Channel]:
    """Return the channels of channels.json by name, in the order of the file."""
    common = {pair: _bare(pair[0]) for pair in config_pairs(data["common_config"])}
    return {row["name"]: _channel(row, common) for row in data["channels"]}


def config_pairs(groups: Mapping[str, Iterable[str]]) -> tuple[tuple[str, KeyClass], ...]:
    """Return (dotted path, class) pairs of a mapping class → paths."""
    return tuple((path, _CLASSES[word]) for word, paths in groups.items() for path in paths)


def key_fact(row: Mapping[str, Any], channel: str | None) -> KeyFact:
    """Return one variable."""
    get = row.get
    return KeyFact(
        row["name"],
        channel,
        _CLASSES[row["class"]],
        get("auto_enables", False),
        get("note", ""),
        secret=get("secret", False),
        alias_of=get("alias_of"),
        config=get("config"),
    )


def left_behind(rows: Iterable[Mapping[str, Any]]) -> tuple[LeftBehindRule, ...]:
    """Return the files that no copy holds."""
    return tuple(LeftBehindRule(row["glob"], row["reason"], row.get("default_only", False)) for row in rows)


def oauth_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[OAuthRow, ...]:
    """Return the stored logins."""
    return tuple(
        OAuthRow(
            tuple(row["path"]),
            row["provider"],
            row["single_use"],
            row.get("only_oauth_entries", False),
            row.get("channel"),
            row.get("note", ""),
        )
        for row in rows
    )


def _channel(row: Mapping[str, Any], common: Mapping[tuple[str, KeyClass], str]) -> Channel:
    name = row["name"]
    lock = row["lock"]
    own = config_pairs(row["config"])
    # `token` and `extra.token` are one key to Hermes: a channel's own class of either overrules the common.
    classes = {_bare(path): key_class for path, key_class in own}
    return Channel(
        name=name,
        sharing=Sharing(row["sharing"]),
        why=row["why"],
        prefixes=tuple(row["prefixes"]),
        keys=tuple([key_fact(key, name) for key in row["keys"]]),
        enable_sets=tuple(frozenset(names) for names in row["enable"]),
        enable_note=row["enable_note"],
        explicit_disable_wins=row["explicit_disable_wins"],
        config=(*own, *[pair for pair, bare in common.items() if bare not in classes or classes[bare] is pair[1]]),
        ports=tuple(_port(port) for port in row["ports"]),
        state=tuple(row["state"]),
        lock_scope=lock["scope"],
        lock_effective=lock["effective"],
        lock_note=lock.get("note", ""),
        lock_identity=tuple(tuple(names) for names in row["identity"]),
        set_up=row["set_up"],
        since=row.get("since", ""),
        examples_positive=tuple(row["examples"]["positive"]),
        examples_negative=tuple(row["examples"]["negative"]),
    )


def _bare(path: str) -> str:
    return path.removeprefix("extra.")


def _port(row: Mapping[str, Any]) -> Port:
    config = tuple(tuple(path.split(".")) for path in row["config"])
    return Port(row["default"], tuple(row["env"]), config, row["bind"], row["when"])
