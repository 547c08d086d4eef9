"""Locates settings of identities, ports and channels: file, line and key. Used for findings only. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.identities import Identity, Origin, origins_of
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.documents.line_numbers import env_line, yaml_line
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, LEGACY_CONFIG_FILE, WEIXIN_ACCOUNTS_FOLDER
from hermes_profiles.profiles.channels import effective_settings, onepassword_variables, stored_in

from .findings import Evidence

# Places of one finding that get a line number: finding all of them in a root of 1000 profiles takes seconds.
_LINES = 60


class SettingLocator:
    """Locates the settings of one finding. A place in the machine-wide managed folder has no `Evidence.profile`."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._lines = _LINES

    def of_identities(self, profile: ProfileFacts, identities: Iterable[Identity]) -> tuple[Evidence, ...]:
        """Return the places that define these identities of a profile."""
        environment, config = effective_settings(profile.files, self._facts.catalog, self._facts.managed)
        origins = origins_of(
            environment, config, self._facts.catalog, stored=stored_in(profile.files), home=str(profile.home)
        )
        places: list[Evidence] = []
        for identity in identities:
            origin = origins.get(identity.place)
            if origin is not None:
                places += self._of_origin(profile, identity.channel, origin)
        return tuple(dict.fromkeys(places))

    def _of_origin(self, profile: ProfileFacts, channel: str, origin: Origin) -> Iterator[Evidence]:
        if origin.file:
            # The file name contains the account id, so only the folder is shown.
            file = WEIXIN_ACCOUNTS_FOLDER if origin.file.startswith(WEIXIN_ACCOUNTS_FOLDER) else origin.file
            place = profile.at(file, ".".join(origin.path) or None)
            yield place._replace(file=file) if file.startswith("/") else place
            return
        for variable, path in zip(origin.variables, origin.paths, strict=True):
            yield from self.of_variable(profile, channel, variable, path)

    def of_port(self, profile: ProfileFacts, claim: PortClaim) -> tuple[Evidence, ...]:
        """Return the places that set the port of a channel, () for the default port of Hermes."""
        for port in self._facts.catalog.channels[claim.channel].ports:
            pairs = [(name, "") for name in port.env] + [("", ".".join(path)) for path in port.config]
            for variable, path in pairs:
                found = tuple(self.of_variable(profile, claim.channel, variable, path))
                if found:
                    return found
        return ()

    def of_channel(self, name: str, channel: str) -> Iterator[Evidence]:
        """Yield the places that enable a channel of a profile: variables, or its `enabled` key."""
        profile = self._facts.profiles[name]
        environment, _ = effective_settings(profile.files, self._facts.catalog, self._facts.managed)
        for names in self._facts.catalog.channels[channel].enable_sets:
            if names and all(environment.get(variable) for variable in names):
                for variable in sorted(names):
                    yield from self.of_variable(profile, channel, variable, "")
                return
        yield from self._in_blocks(profile, channel, "enabled")

    def of_variable(self, profile: ProfileFacts, channel: str, variable: str, path: str) -> Iterator[Evidence]:
        """Yield the effective place of a variable, or of the equivalent path below the block of a channel."""
        managed = self._facts.managed
        layer = self._facts.identities.managed
        if managed.environment.get(variable, "").strip() and layer is not None:
            file = layer.folder / ENV_FILE
            yield Evidence(None, str(file), env_line(layer.env.reveal(), variable), variable)
        elif variable in onepassword_variables(profile.config):
            yield self._at(profile, ("secrets", "onepassword", "env", variable))
        elif profile.environment.get(variable, "").strip():
            yield profile.at_variable(variable)
        elif variable and str(managed.config.get(variable) or "").strip() and layer is not None:
            yield self._at_machine((variable,))
        elif variable and str(profile.config.get(variable) or "").strip():
            yield self._at(profile, (variable,))
        elif path:
            yield from self._in_blocks(profile, channel, path)

    def _in_blocks(self, profile: ProfileFacts, channel: str, path: str) -> Iterator[Evidence]:
        legacy = profile.files.json(LEGACY_CONFIG_FILE)
        places: tuple[tuple[Any, str | None, tuple[str, ...]], ...] = (
            (self._facts.managed.config, None, ("platforms",)),
            (profile.config, CONFIG_FILE, ("platforms",)),
            (profile.config, CONFIG_FILE, ("gateway", "platforms")),
            (legacy, LEGACY_CONFIG_FILE, ("platforms",)),
            (profile.config, CONFIG_FILE, ()),
        )
        for document, file, above in places:
            found = _path_in(document, above, self._facts.catalog.channel_of_config_key, channel, path)
            if found is not None:
                yield self._at_machine(found) if file is None else self._at(profile, found, file)
                return

    def _at(self, profile: ProfileFacts, path: Sequence[str], file: str = CONFIG_FILE) -> Evidence:
        self._lines -= 1
        return profile.at_path(path, file) if self._lines >= 0 else profile.at(file, ".".join(path))

    def _at_machine(self, path: Sequence[str]) -> Evidence:
        layer = self._facts.identities.managed
        if layer is None:
            return Evidence(None, None, None, ".".join(path))
        return Evidence(None, str(layer.folder / CONFIG_FILE), yaml_line(layer.config.reveal(), path), ".".join(path))


def _path_in(
    document: object, above: Sequence[str], channel_of: Any, channel: str, path: str
) -> tuple[str, ...] | None:
    """Return the path of a setting of a channel in a document, directly or below `extra`, None without one."""
    block: object = document
    for key in above:
        block = block.get(key) if isinstance(block, Mapping) else None
    for name, settings in block.items() if isinstance(block, Mapping) else ():
        if not isinstance(settings, Mapping) or channel_of(str(name)) != channel:
            continue
        bare = path.removeprefix("extra.")
        extra = settings.get("extra")
        for below, found in (("extra",), extra), ((), settings):
            value = found.get(bare) if isinstance(found, Mapping) else None
            if value is not None and value is not False and str(value).strip():
                return (*above, str(name), *below, bare)
    return None
