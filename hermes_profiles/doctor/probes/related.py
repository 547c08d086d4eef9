"""Finds the profiles that a finding about the named ones can name too, so that `doctor NAME` examines no others.

The documents of the other profiles are searched as bytes for what the named ones hold. Only a profile with a match is
parsed, and one whose documents can spell a value in another way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.channel_settings import DEFAULT_VALUES
from hermes_profiles.credentials.identities import credentials_in, telling_values
from hermes_profiles.credentials.same_account import with_account
from hermes_profiles.doctor.checks.cloned_state import channel_paths, enabled_jobs, home_owner
from hermes_profiles.doctor.checks.settings import channel_blocks, scalar_text
from hermes_profiles.doctor.checks.variables import unknown_secrets
from hermes_profiles.doctor.facts.profile import DOCUMENTS, ProfileFacts
from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    JOBS_FILE,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    PROFILE_FILE,
)
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.channels import (
    ClaimedResources,
    claimed_resources,
    effective_settings,
    legacy_blocks,
    stored_in,
    with_legacy,
)
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.host_options import is_standalone
from hermes_profiles.teams.model import TEAM, TEAMS, Teams, teams_in

from .homes import list_home
from .live_identities import OWN
from .single_use_logins import logins_of

_ENVIRONMENT = (ENV_FILE, OP_ENV_FILE)
_CONFIGURATION = (CONFIG_FILE, LEGACY_CONFIG_FILE)
# Channels whose identity is in a state file of the home; that of weixin can be in its folder.
_STORED = frozenset({"whatsapp", "photon"})
_PIECE = lazy_pattern(rb"[a-z0-9:._@+/=~-]+")
_SHORTEST = 4
# Spellings of a value in config.yaml that its bytes do not show: numbers, tags, references beside other text.
_OTHER_SPELLING = lazy_pattern(rb"[0-9]_[0-9]|\b0[xob][0-9a-f]|[0-9]e[-+]?[0-9]|!!|\w\$\{|\}\w|\}\$")


class OtherProfile:
    """A profile that is not examined so far: its documents, and the names in its home."""

    def __init__(self, layout: Layout, name: str, catalog: Catalog) -> None:
        home = layout.home(name)
        files = HomeFiles(home, catalog.known_names, whole=True)
        entries = _entries(os.fspath(home))
        for document in DOCUMENTS:
            if document.partition("/")[0] not in entries:
                files.absent(document)
        self.facts = ProfileFacts(name, home, files, ClaimedResources(), {})
        self.name = name
        self.home = home
        self.links = tuple(_links(home, entries))
        self.folders = frozenset(entries)
        raws = [files.raw(file) or b"" for file in (*_ENVIRONMENT, *_CONFIGURATION)]
        # A login of Photon alone switches its channel on.
        self.text = b"\n".join([*raws, b"photon" if b"photon" in self.raw(AUTH_FILE) else b""]).lower()
        self.is_verbatim = _is_verbatim(raws)

    def raw(self, file: str) -> bytes:
        """Return the bytes of a document, b"" without it."""
        return self.facts.files.raw(file) or b""


def _entries(home: str) -> dict[str, bool]:
    """Return name → whether it is a link, of the entries of a folder; {} when it cannot be read."""
    try:
        with os.scandir(home) as scan:
            return {entry.name: entry.is_symlink() for entry in scan}
    except OSError:
        return {}


def _links(home: Path, entries: Mapping[str, bool]) -> Iterator[str]:
    """Yield the targets of links in place of files and folders that must be private to a profile."""
    inside = {
        folder: _entries(f"{home}/{folder}") for folder in ("platforms", "weixin", "whatsapp") if folder in entries
    }
    for path in OWN:
        folder, _, name = path.rpartition("/")
        if inside.get(folder, {}).get(name) if folder else entries.get(name):
            yield os.path.realpath(f"{home}/{path}")


def _is_verbatim(raws: list[bytes]) -> bool:
    """Return whether the bytes of these documents have every value as it is."""
    environment, configuration = b"\n".join(raws[:2]), b"\n".join(raws[2:])
    if b"\\" in environment or b"\\" in configuration or b"\0" in environment or b"\0" in configuration:
        return False
    return b"$" not in environment and not _has_other_spelling(configuration)


@lru_cache(maxsize=64)  # many profiles have equal files
def _has_other_spelling(configuration: bytes) -> bool:
    is_composed = b"secrets" in configuration and b"command" in configuration  # of the words of a command line
    return is_composed or _OTHER_SPELLING.search(configuration.lower()) is not None


class _Holdings(NamedTuple):
    """What profiles hold, and the texts one of which is in the documents of every profile that holds it too."""

    places: frozenset[tuple[str, str]]
    ports: frozenset[int]
    credentials: frozenset[tuple[str, str]]
    texts: frozenset[bytes]
    folders: frozenset[str]
    any_port: re.Pattern[bytes]

    def is_near(self, other: OtherProfile) -> bool:
        """Return whether another profile may hold some of it."""
        if not (self.places or self.ports or self.credentials):
            return False
        if not other.is_verbatim or not self.folders.isdisjoint(other.folders):
            return True
        if any(text in other.text for text in self.texts):
            return True
        return bool(self.ports) and self.any_port.search(other.text) is not None


class RelatedProfiles:
    """Finds the profiles that share a finding with others; `other`: those that are not examined so far."""

    def __init__(
        self, layout: Layout, catalog: Catalog, homes: Mapping[str, str], others: Iterable[OtherProfile]
    ) -> None:
        self._layout = layout
        self._catalog = catalog
        self._homes = homes
        self._others = {other.name: other for other in others}
        self._claims: dict[str, ClaimedResources] = {}

    def claims(self, name: str) -> ClaimedResources:
        """Return the resources that the gateway of a profile that is not examined would claim."""
        if name not in self._claims:
            other = self._others[name]
            self._claims[name] = claimed_resources(other.home, catalog=self._catalog, files=other.facts.files)
        return self._claims[name]

    def with_state_of(self, profiles: Collection[ProfileFacts]) -> Iterator[str]:
        """Yield the profiles that share a job, a login, an unknown variable, or a path into a home with these."""
        jobs = {job for profile in profiles for job in enabled_jobs(profile)}
        variables = {name.lower().encode() for profile in profiles for name in unknown_secrets(profile, self._catalog)}
        logins = {login.digest.reveal() for profile in profiles for login in logins_of(profile, self._catalog)}
        names = {profile.name for profile in profiles}
        folders = [f"/{os.path.basename(self._homes[name])}".lower().encode() for name in names]
        for other in self._others.values():
            if (
                (jobs and other.raw(JOBS_FILE) and not jobs.isdisjoint(enabled_jobs(other.facts)))
                or any(name in other.text or b"\0" in other.text for name in variables)
                or any(self._owner(link, other) in names for link in other.links)
                or (logins and not logins.isdisjoint(self._logins(other)))
                or self._has_path(other, names, folders)
            ):
                yield other.name

    def _owner(self, path: str, other: OtherProfile) -> str | None:
        return home_owner(self._homes, path, other.name)

    def _has_path(self, other: OtherProfile, names: Collection[str], folders: Iterable[bytes]) -> bool:
        if other.is_verbatim and not any(folder in other.text for folder in folders):
            return False
        paths = channel_paths(other.facts, self._catalog, self._layout)
        return any(self._owner(os.path.normpath(path), other) in names for _, path, _ in paths)

    def _logins(self, other: OtherProfile) -> Iterator[str]:
        listing = {file.path.relative_to(other.home).as_posix(): file for file in list_home(other.home)}
        facts = ProfileFacts(other.name, other.home, other.facts.files, ClaimedResources(), listing)
        return (login.digest.reveal() for login in logins_of(facts, self._catalog))

    def sharing(self, profiles: Iterable[ProfileFacts], *, identities_alone: bool = False) -> Iterator[str]:
        """Yield the profiles that claim an identity or a port of these, or have a credential of theirs.

        `identities_alone`: leave out ports and credentials.
        """
        held = self._holdings(profiles, identities_alone=identities_alone)
        for name, other in self._others.items():
            if held.is_near(other) and self._shares(name, other, held):
                yield name

    def _shares(self, name: str, other: OtherProfile, held: _Holdings) -> bool:
        claims = self.claims(name)
        if any(identity.place in held.places for identity in claims.identities):
            return True
        if any(claim.port in held.ports for claim in claims.ports):
            return True
        return not held.credentials.isdisjoint(place for place, _, _ in _credentials(other.facts, self._catalog))

    def _holdings(self, profiles: Iterable[ProfileFacts], *, identities_alone: bool) -> _Holdings:
        places, ports, credentials = set(), set(), set()
        texts: set[bytes] = set()
        folders: set[str] = set()
        for profile in profiles:
            places |= {identity.place for identity in profile.held.identities}
            texts |= self._identity_texts(profile)
            folders |= {"weixin"} & {identity.channel for identity in profile.held.identities}
            if identities_alone:
                continue
            wanted = {claim.port for claim in profile.held.ports} | set(_ignored_ports(profile, self._catalog))
            ports |= wanted
            for channel in self._catalog.channels.values():
                if any(port.default in wanted for port in channel.ports):
                    texts |= self._marks(channel.name)
            for place, variable, value in _credentials(profile, self._catalog):
                credentials.add(place)
                texts |= _telling((value,)) or {*self._marks(place[0]), variable.lower().encode()}
        any_port = re.compile(rb"(?<![0-9])0*(?:%s)(?![0-9])" % b"|".join(b"%d" % port for port in sorted(ports)))
        return _Holdings(
            frozenset(places), frozenset(ports), frozenset(credentials), frozenset(texts), frozenset(folders), any_port
        )

    def _identity_texts(self, profile: ProfileFacts) -> set[bytes]:
        environment, config = effective_settings(profile.files, self._catalog)
        texts: set[bytes] = set()
        for channel, origin, values in telling_values(
            environment, config, self._catalog, stored=stored_in(profile.files), home=str(profile.home)
        ):
            is_number = channel == "signal" or any(name.endswith("_PHONE_NUMBER") for name in origin.variables)
            is_written = not (is_number or origin.file or origin.paths or channel in _STORED)
            texts |= (_telling(values) if is_written else set()) or self._marks(channel)
        return texts

    def _marks(self, channel: str) -> set[bytes]:
        """Return texts of which the documents of every profile with this channel have one."""
        names = {name for names in self._catalog.channels[channel].enable_sets for name in names}
        names |= {channel, channel.replace("_", "-")}
        return {name.lower().encode() for name in names}

    def standalone(self) -> Iterator[str]:
        """Yield the profiles that ask for a gateway of their own."""
        yield from (other.name for other in self._others.values() if is_standalone(other.home))

    def teams(self, profiles: Iterable[ProfileFacts]) -> Teams:
        """Return the teams of the root; `profiles`: those that are examined."""
        everyone = {
            **{name: other.facts for name, other in self._others.items()},
            **{each.name: each for each in profiles},
        }
        return teams_in(
            {
                name: facts.files.sections(PROFILE_FILE, (TEAM, TEAMS)) if _may_name_team(facts) else {}
                for name, facts in everyone.items()
            }
        )


def _may_name_team(profile: ProfileFacts) -> bool:
    raw = profile.files.raw(PROFILE_FILE) or b""
    return b"team" in raw or b"\\" in raw or b"\0" in raw


def _credentials(profile: ProfileFacts, catalog: Catalog) -> Iterator[tuple[tuple[str, str], str, str]]:
    """Yield ((channel, what copies share), variable, value) of the credentials of a profile."""
    config = with_legacy(profile.config, legacy_blocks(profile.files))
    for channel, variable, _, value in credentials_in(profile.environment, config, catalog):
        yield (channel, with_account(channel, variable, value, profile.environment, catalog)), variable, value


def _ignored_ports(profile: ProfileFacts, catalog: Catalog) -> Iterator[int]:
    """Yield the ports that the fix of `files.ignored-port` would claim."""
    for _, block in channel_blocks(profile, "api_server", catalog):
        text = scalar_text(block.get("port"))
        if text.isascii() and text.isdigit() and len(text) < 6:
            yield int(text)


def _telling(values: Iterable[str]) -> set[bytes]:
    """Return the longest of these values, which verbatim documents have in one piece; empty without such a value."""
    known = {value.encode() for value in DEFAULT_VALUES.values()}
    raws = [value.encode("utf-8", "surrogatepass").lower().rstrip(b"/") for value in values]
    fit = [raw for raw in raws if len(raw) >= _SHORTEST and raw not in known and _PIECE.fullmatch(raw)]
    return {max(fit, key=len)} if fit else set()
