"""The overlay of a profile: a managed directory for its gateway that switches single channels off for one run.

With HERMES_MANAGED_DIR in a gateway's environment, Hermes loads `.env` of that folder last, and merges its
`config.yaml` over the profile's own (Hermes 0.19.0, hermes_cli/managed_scope.py). The profile's files do not change. A
managed directory that is already in use is copied into the overlay, because the variable hides it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_profiles.credentials.catalog.catalog import Catalog, Channel, KeyClass
from hermes_profiles.hermes.environment import HERMES_MANAGED_DIR
from hermes_profiles.model.errors import DocumentError, Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import merged
from hermes_profiles.profiles.regular_file import read_regular

if TYPE_CHECKING:
    from hermes_profiles.gateways.masks import Mask
    from hermes_profiles.gateways.processes import Process

_LARGEST = 16 * 1024 * 1024
_HEADER = "# Written by hermes-gateways before each start; masks.json beside it says which channels are off and why.\n"


@dataclass(frozen=True)
class Overlay:
    """The two files of an overlay, b"" for one that is not needed; `problems`: warnings about side effects."""

    env: bytes = field(default=b"", repr=False)
    config: bytes = field(default=b"", repr=False)
    problems: tuple[Problem, ...] = ()


def overlay_folder(layout: Layout, profile: str) -> Path:
    """Return the folder for HERMES_MANAGED_DIR of a profile's gateway."""
    return layout.state / "overlays" / profile


def masks_of(layout: Layout, profile: str) -> tuple[Mask, ...]:
    """Return the masks of a profile's last start, () without any or where they cannot be read."""
    from hermes_profiles.gateways.masks import masks_from

    try:
        data = json.loads(read_regular(overlay_folder(layout, profile) / "masks.json", _LARGEST))
        return tuple(masks_from(data["masks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def masks_in_force(layout: Layout, profile: str, process: Process) -> tuple[Mask, ...]:
    """Return the masks of a running gateway; () where it was started without the overlay."""
    return masks_of(layout, profile) if has_overlay(layout, profile, process) else ()


def has_overlay(layout: Layout, profile: str, process: Process) -> bool:
    """Return whether a gateway was started with the overlay of its profile, after the pre-start step."""
    given = (process.variables or {}).get(HERMES_MANAGED_DIR, "")
    return os.path.realpath(given or "/") == os.path.realpath(overlay_folder(layout, profile))


def compose(
    masks: Sequence[Mask],
    *,
    catalog: Catalog,
    managed_env: bytes | None = None,
    managed_config: bytes | None = None,
    on: Collection[str] = (),
    spellings: Collection[str] = (),
) -> Overlay:
    """Return the overlay that switches off the masked channels and nothing else, over a managed directory's files.

    `on`: the channels that are on in the profile; `spellings`: keys that name a channel in other letters there
    (`Holdings.channels`, `.spellings`). Raises Refused when the managed files cannot be carried over.
    """
    problems: list[Problem] = []
    channels = [catalog.channels[name] for name in dict.fromkeys(mask.channel for mask in masks)]
    names = list(dict.fromkeys(name for one in channels for name in _emptied(one, channels, catalog, on, problems)))
    env = _env(names, managed_env, catalog)
    config = _config(channels, managed_config, catalog, spellings, problems)
    return Overlay(env, config, tuple(problems))


def _emptied(
    channel: Channel, masked: Sequence[Channel], catalog: Catalog, on: Collection[str], problems: list[Problem]
) -> Iterator[str]:
    """Yield the variables to empty: those that start the channel and those that are its identity.

    What a tool or another channel needs stays where the flag in config.yaml is enough, or where another variable of
    the same set can go.
    """
    kinds = {fact.name: fact.key_class for fact in channel.keys}
    others = frozenset(on) - {one.name for one in masked}
    shared = {
        name
        for names in channel.enable_sets
        for name in names
        if kinds.get(name) is KeyClass.TOOL_OR_PROVIDER_KEY or others.intersection(catalog.channels_of(name))
    }
    own = {name for names in channel.enable_sets for name in names} - shared
    own |= {name for name, kind in kinds.items() if kind is KeyClass.IDENTITY_CREDENTIAL} - {
        name for name in kinds if others.intersection(catalog.channels_of(name))
    }
    yield from sorted(own)
    if channel.explicit_disable_wins:
        return
    first = [name for names in channel.lock_identity for name in names]
    for names in channel.enable_sets:
        if names and not names & own:
            name = next((name for name in first if name in names), min(names))
            yield name
            problems.append(_lost(channel, name))


def _lost(channel: Channel, name: str) -> Problem:
    message = f"with the platform '{channel.name}' disabled, {name} is empty for the whole gateway: Hermes starts the"
    return Problem(
        "mask-takes-tool",
        f"{message} platform wherever it is set, so tools that use it are off too",
        channel.name,
        hint=f"keep {name} in one profile alone; see what reads it with `hermes-profiles explain {name}`",
    )


def _env(names: Sequence[str], managed: bytes | None, catalog: Catalog) -> bytes:
    """Return the overlay's `.env`: a managed one with the masked variables empty in it."""
    lines = "".join(f"{name}=\n" for name in names)
    if not managed:
        return (_HEADER + lines).encode() if names else b""
    if not names:
        return managed
    from hermes_profiles.documents.dotenv.document import EnvDocument

    try:
        document = EnvDocument.parse(managed, path="the managed .env", known_keys=catalog.known_names)
        gone = [entry for entry in document.entries if entry.name in names and not entry.commented]
        return document.edit(remove=gone, append=[(name, "") for name in names])
    except DocumentError as error:
        # An open quote may include the lines after it, so the masks are written before it; they would not win over a
        # value that the file itself has.
        if any(name.encode() in managed.replace(b"\x00", b"") for name in names) or b"\x00" in managed[:4]:
            raise Refused(
                f"{error.problem.message}, and it names a variable that must be emptied",
                code="managed-unreadable",
                hint=error.problem.hint,
            ) from error
        return (_HEADER + lines).encode() + managed.removeprefix(b"\xef\xbb\xbf")


def _config(
    channels: Sequence[Channel],
    managed: bytes | None,
    catalog: Catalog,
    spellings: Collection[str],
    problems: list[Problem],
) -> bytes:
    """Return the overlay's config.yaml: a managed one with the flags of the masked channels false in it."""
    from hermes_profiles.documents.yaml.document import YamlDocument

    document = None
    if managed:
        try:
            document = YamlDocument.parse(managed, path="the managed config.yaml")
        except DocumentError as error:
            problems.append(
                Problem(
                    "managed-ignored",
                    f"{error.problem.message}: Hermes applies nothing of it",
                    error.problem.target,
                    error.problem.hint,
                )
            )
            if not channels:
                return managed
    data = document.data() if document is not None else {}
    flags = _flags(channels, catalog, spellings, data if isinstance(data, Mapping) else {})
    if document is None or not isinstance(data, Mapping):
        return (_HEADER + _block(flags)).encode() if flags else b""
    if not flags:
        return managed or b""
    wanted = merged(data, flags)
    # As JSON, which is YAML, when the text cannot be edited (one anchor for two channels); dates are text there.
    for result in (_edited(document, flags), (_HEADER + json.dumps(wanted, ensure_ascii=False)).encode()):
        if result is not None and YamlDocument.parse(result).data() == wanted:
            return result
    raise Refused(
        "the managed config.yaml cannot be carried over with the flags of masked channels in it",
        code="managed-unreadable",
        hint="write `platforms` there in plain block style",
    )


def _flags(
    channels: Sequence[Channel], catalog: Catalog, spellings: Collection[str], managed: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `enabled: false` for each place that Hermes reads.

    `platforms`, in every spelling that is used (the last one wins), overrides `gateway.platforms` and gateway.json. The
    channel's own section overrides all of them.
    """
    names = [channel.name for channel in channels]
    block = managed.get("platforms")
    seen = [*spellings, *(str(key) for key in block if isinstance(block, Mapping))] if block else list(spellings)
    keys = [*names, *(key for key in seen if key not in names and catalog.channel_of_config_key(key) in names)]
    if not names:
        return {}
    off = {"enabled": False}
    return {"platforms": {key: dict(off) for key in dict.fromkeys(keys)}, **{name: dict(off) for name in names}}


def _block(flags: Mapping[str, Any]) -> str:
    """Return the flags as YAML; JSON's quotes make any key a safe one."""
    return "".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in flags.items())


def _edited(document: Any, flags: Mapping[str, Any]) -> bytes | None:
    """Return the managed text with the flags in it, None when it cannot be edited in place."""
    paths: list[tuple[str, ...]] = [("platforms", name, "enabled") for name in flags["platforms"]]
    paths += [(name, "enabled") for name in flags if name != "platforms"]
    there = {entry: "false" for path in paths if (entry := document.get(path)) is not None}
    try:
        result: bytes = document.edit(
            replace=there, insert=[(path, "false") for path in paths if document.get(path) is None]
        )
    except DocumentError:
        return None
    return result


def masks_json(masks: Sequence[Mask], now: float) -> bytes:
    """Return masks.json: which channels are off and why, without a value."""
    return (json.dumps({"at": now, "masks": [mask.as_data() for mask in masks]}, indent=1) + "\n").encode()
