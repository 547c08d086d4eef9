"""Reports state that a copied home shares with its source: scheduled jobs and channel sessions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, JOBS_FILE, LEGACY_CONFIG_FILE
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.model.truthy import is_truthy

_IDENTITY = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION)
_DEEPEST = 6


def cron_twice(facts: Facts) -> Iterator[Finding]:
    """Find scheduled jobs that are enabled under one id in several profiles: each profile runs them."""
    holders: dict[str, list[str]] = {}
    for name, profile in facts.profiles.items():
        for job in dict.fromkeys(enabled_jobs(profile)):
            holders.setdefault(job, []).append(name)
    grouped: dict[tuple[str, ...], list[str]] = {}
    for job, profiles in holders.items():
        if len(profiles) > 1:
            grouped.setdefault(tuple(profiles), []).append(job)
    for group, jobs in grouped.items():
        enabled = [name for name in group if not facts.profiles[name].disabled]
        off = [name for name in group if facts.profiles[name].disabled]
        copy = next((name for name in reversed(group) if name != DEFAULT), group[-1])
        message = f"{len(jobs)} scheduled {plural(jobs, 'job', 'jobs')} of {join_names(group)} "
        message += f"{plural(jobs, 'has', 'have')} the same {plural(jobs, 'id', 'ids')}: each profile runs "
        message += plural(jobs, "it", "them")
        if off:
            message += f"; {join_names(off)} {plural(off, 'is', 'are')} disabled"
        shown = [job for job in jobs if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", job)]
        removals = [f"hermes -p {quote(copy)} cron remove {quote(job)}" for job in shown]
        yield Finding(
            message,
            Fix(
                f"remove {plural(jobs, 'it', 'them')} from all but one profile, for example from {copy}",
                " && ".join(removals[:5]),
            ),
            group,
            evidence=tuple(facts.profiles[name].at(JOBS_FILE, ", ".join(shown[:5]) or None) for name in group),
            subject=Secret("\n".join(sorted(jobs))),
            severity=Severity.INFO if len(enabled) < 2 else None,
        )


def enabled_jobs(profile: ProfileFacts) -> Iterator[str]:
    """Yield the ids of enabled jobs.

    Source: Hermes 0.19.0, cron/jobs.py `load_jobs`. It accepts a byte order mark, control characters and a bare list.
    """
    raw = profile.files.raw(JOBS_FILE)
    if not raw or b'"id"' not in raw:
        return
    try:
        data = json.loads(raw.decode("utf-8-sig"), strict=False)
    except (ValueError, RecursionError):
        return
    rows = data.get("jobs") if isinstance(data, dict) else data
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not row["id"]:
            continue
        if is_truthy(row.get("enabled", True)) and row.get("state") not in ("paused", "completed"):
            yield row["id"]


def foreign_session(facts: Facts) -> Iterator[Finding]:
    """Find profiles that use sessions, contacts or credentials in the home of another profile.

    The cause is a link, or a path in the settings of a channel.
    """
    found: dict[tuple[str, str], list[tuple[Evidence, bool]]] = {}
    for link in facts.identities.links:
        owner = home_owner(facts.identities.homes, link.target, link.profile)
        if owner is not None:
            place = facts.profiles[link.profile].at(link.name)
            found.setdefault((link.profile, owner), []).append((place, link.name != AUTH_FILE))
    for name, profile in facts.profiles.items():
        for place, path, is_session in channel_paths(profile, facts.catalog, facts.layout):
            owner = home_owner(facts.identities.homes, os.path.normpath(path), name)
            if owner is None:
                continue
            inside = os.path.relpath(os.path.normpath(path), facts.identities.homes[owner])
            is_state = facts.catalog.state_owner(inside) is not None
            if is_session or is_state:
                found.setdefault((name, owner), []).append((place, is_state or "session" in (place.key or "")))
    for (name, owner), places in found.items():
        shown = list(dict.fromkeys(_shown(place) for place, _ in places))
        message = (
            f"{join_names(shown)} of {name} {plural(shown, 'is', 'are')} in the home of {owner}: both "
            "use the same files"
        )
        severity = None if any(is_error for _, is_error in places) else Severity.WARNING
        yield Finding(
            message,
            _fix(name, places[0][0]),
            (name, owner),
            evidence=tuple(dict.fromkeys(place for place, _ in places)),
            severity=severity,
        )


def _shown(place: Evidence) -> str:
    return place.key or os.path.basename(place.file or "")


def _fix(name: str, place: Evidence) -> Fix:
    if place.key is None:
        path = quote(place.file or "")
        return Fix(f"remove the link, so that {name} creates its own; its target stays", f"rm {path}")
    return Fix(f"set up the channel again for {name}", f"hermes -p {quote(name)} gateway setup")


def home_owner(homes: Mapping[str, str], target: str, profile: str) -> str | None:
    """Return the other profile whose home contains a path, None without one.

    The default home contains the other homes, so the innermost home counts.
    """
    own = homes.get(profile, "")
    if profile != DEFAULT and (target == own or target.startswith(f"{own}/")):
        return None
    inside = [
        name for name, home in homes.items() if name != DEFAULT and (target == home or target.startswith(f"{home}/"))
    ]
    if inside:
        return inside[0] if inside[0] != profile else None
    root = homes.get(DEFAULT)
    if root is None or profile == DEFAULT or target.startswith(f"{root}/profiles/"):
        return None
    return DEFAULT if target.startswith(f"{root}/") else None


def channel_paths(profile: ProfileFacts, catalog: Catalog, layout: Layout) -> Iterator[tuple[Evidence, str, bool]]:
    """Yield (place, absolute path, whether the key is an identity) for paths in the settings of channels."""
    for name, value in profile.environment.items():
        path = _absolute(layout, value) if value[:1] in ("/", "~") else None
        fact = catalog.lookup(name) if path is not None else None
        if path is not None and fact is not None and fact.channel is not None:
            yield profile.at_variable(name), path, fact.key_class in _IDENTITY
    gateway = profile.config.get("gateway")
    legacy = profile.files.json(LEGACY_CONFIG_FILE)
    nested = gateway.get("platforms") if isinstance(gateway, Mapping) else None
    older = legacy.get("platforms") if isinstance(legacy, Mapping) else None
    for file, above, blocks in (
        (CONFIG_FILE, ("platforms",), profile.config.get("platforms")),
        (CONFIG_FILE, ("gateway", "platforms"), nested),
        (LEGACY_CONFIG_FILE, ("platforms",), older),
    ):
        for key, settings in blocks.items() if isinstance(blocks, Mapping) else ():
            channel = catalog.channel_of_config_key(str(key))
            if channel is None:
                continue
            for below, text in _strings(settings):
                target = _absolute(layout, text)
                if target is not None:
                    is_identity = catalog.config_class(channel, below) in _IDENTITY
                    yield profile.at_path((*above, str(key), *below), file), target, is_identity


def _absolute(layout: Layout, value: str) -> str | None:
    if value.startswith("~/"):
        return f"{layout.user_home}{value[1:]}"
    return value if value.startswith("/") and len(value) > 1 else None


def _strings(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping) and len(path) < _DEEPEST:
        for key, below in value.items():
            yield from _strings(below, (*path, str(key)))
