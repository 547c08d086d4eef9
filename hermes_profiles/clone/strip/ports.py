"""New ports for channels that stay: the variables and paths that get the new number. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

from hermes_profiles.credentials.catalog.catalog import Catalog, Port
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.credentials.classifier import SourceDocuments
from hermes_profiles.credentials.rules.config import dotted
from hermes_profiles.credentials.rules.environment import API_SERVER
from hermes_profiles.hermes.environment import API_SERVER_KEY
from hermes_profiles.model.named_tuple import NamedTuple

_NONE: Mapping[tuple[str, ...], str] = MappingProxyType({})


class Reassigned(NamedTuple):
    """New values: of variables of `.env`, of paths of config.yaml, and of paths of gateway.json."""

    variables: Mapping[str, str] = MappingProxyType({})
    config: Mapping[tuple[str, ...], str] = _NONE
    gateway: Mapping[tuple[str, ...], str] = _NONE

    def __repr__(self) -> str:
        return f"Reassigned({sorted(self.variables)})"

    def shown(self) -> dict[str, str | None]:
        """Return name or dotted path → new port, None for a new key."""
        paths = {dotted(path): value for path, value in (*self.config.items(), *self.gateway.items())}
        both = {**self.variables, **paths}
        return {name: value if value.isdigit() and len(value) < 6 else None for name, value in both.items()}


NOTHING_NEW = Reassigned()


def reassign_ports(
    channels: Collection[str],
    documents: SourceDocuments,
    catalog: Catalog,
    *,
    assigned_port: Callable[[], int],
    fresh_key: Callable[[], str] | None,
) -> Reassigned:
    """Return new ports for these channels, for every place that declares the port now.

    A port that is not declared is set where Hermes reads it first: the variable, or the path when it has no variable.
    `fresh_key`: makes the API server's key; None leaves it.
    """
    variables: dict[str, str] = {}
    config: dict[tuple[str, ...], str] = {}
    gateway: dict[tuple[str, ...], str] = {}
    for channel in sorted(channels):
        fact = catalog.channels[channel]
        for port in fact.ports[:1]:
            number = str(assigned_port())
            names = [name for name in port.env if _declares(documents, name)]
            paths = (
                set(_paths(documents, catalog, channel, port, of_gateway=False)),
                set(_paths(documents, catalog, channel, port, of_gateway=True)),
            )
            config.update((path, number) for path in paths[0])
            gateway.update((path, number) for path in paths[1])
            # 0.19.0 takes no port from the block itself, only from `extra` (FACTS.md section 9).
            read = any(path[-2:] == ("extra", path[-1]) for path in (*paths[0], *paths[1]))
            if not names and not read:
                names = list(port.env[:1])
                if not names:
                    config["platforms", channel, *port.config[0]] = number
            variables.update((name, number) for name in names)
    if API_SERVER in channels and fresh_key is not None:
        key = fresh_key()
        variables[API_SERVER_KEY] = key
        for target, of_gateway in ((config, False), (gateway, True)):
            target.update((path, key) for path in _api_keys(documents, catalog, of_gateway=of_gateway))
    return Reassigned(variables, config, gateway)


def _declares(documents: SourceDocuments, name: str) -> bool:
    """Return whether an environment file or a top-level scalar of config.yaml sets a variable."""
    if any((entry := document.get(name)) is not None and any(entry.values) for document in documents.env_files()):
        return True
    config = documents.config
    return config is not None and config.get((name,)) is not None


def _paths(
    documents: SourceDocuments, catalog: Catalog, channel: str, port: Port, *, of_gateway: bool
) -> Iterator[tuple[str, ...]]:
    wanted = {path[-1:] if path[0] == "extra" else path for path in port.config}
    yield from _in_block(documents, catalog, channel, wanted, of_gateway=of_gateway)


def _api_keys(documents: SourceDocuments, catalog: Catalog, *, of_gateway: bool) -> Iterator[tuple[str, ...]]:
    yield from _in_block(documents, catalog, API_SERVER, {("key",), ("api_key",)}, of_gateway=of_gateway)


def _in_block(
    documents: SourceDocuments, catalog: Catalog, channel: str, wanted: Collection[tuple[str, ...]], *, of_gateway: bool
) -> Iterator[tuple[str, ...]]:
    """Yield the paths of single values of a channel's blocks, directly or below `extra`; references stay."""
    document = documents.gateway if of_gateway else documents.config
    for entry in document.entries if document is not None else ():
        place = channel_place(entry.path, catalog)
        if place is None or place.channel != channel or entry.kind != "scalar" or "${" in (entry.value or ""):
            continue
        inner = entry.path[len(place.block) :]
        if (inner[1:] if inner[:1] == ("extra",) else inner) in wanted:
            yield entry.path
