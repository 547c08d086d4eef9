"""Reads what a root says about `hermes update` and the one gateway: settings, markers, an unfinished migration.

Facts (Hermes 0.21.3 and later, hermes_cli/gateway_migrate.py): `hermes update` removes the services of named profiles
and has default's gateway serve them, unless default's config.yaml says `gateway.auto_multiplex_migration: false`. The
manifest `gateway_migration.json` is written before the first service is removed and removed when all are served.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import CONFIG_FILE, MIGRATION_FILE, REWRITTEN_MARKER, STATE_FILE
from hermes_profiles.hermes.multiplexing import AUTO_MIGRATION, STANDALONE_END
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.profiles.host_options import is_parked, is_standalone
from hermes_profiles.profiles.profile import read_sections
from hermes_profiles.profiles.regular_file import read_regular

_LARGEST = 4 * 1024 * 1024


class Migration(NamedTuple):
    """An unfinished migration of Hermes. `started`: its time as Hermes wrote it; `profiles`: those it takes over.

    `is_readable`: false for a manifest that Hermes cannot use either.
    """

    path: Path
    started: str
    profiles: tuple[str, ...]
    is_readable: bool = True


class UpdateSettings(NamedTuple):
    """What a root says about updates.

    `folds`: whether `hermes update` may fold services by itself; `migration`: an unfinished one; `rewritten`: Hermes
    rewrote `multiplex_profiles: false`; `standalone`, `parked`: named profiles with that setting or marker.
    """

    folds: bool = True
    migration: Migration | None = None
    rewritten: bool = False
    standalone: frozenset[str] = frozenset()
    parked: frozenset[str] = frozenset()


def read_update_settings(
    layout: Layout, profiles: Iterable[str], managed: Mapping[str, Any] | None = None
) -> UpdateSettings:
    """Return what the root says. `managed`: config.yaml of the managed folder, which overrides default's."""
    named = [name for name in profiles if name != DEFAULT]
    return UpdateSettings(
        folds_by_itself(layout, managed),
        read_migration(layout),
        (layout.root / REWRITTEN_MARKER).exists(),
        frozenset(name for name in named if is_standalone(layout.home(name))),
        frozenset(name for name in named if is_parked(layout.home(name))),
    )


def folds_by_itself(layout: Layout, managed: Mapping[str, Any] | None = None) -> bool:
    """Return whether default's settings let `hermes update` fold services; true where they are silent."""
    section, key = AUTO_MIGRATION
    for config in (managed or {}, read_sections(layout.home(DEFAULT) / CONFIG_FILE, (section,))):
        block = config.get(section)
        if isinstance(block, Mapping) and block.get(key) is not None:
            return is_truthy(block[key])
    return True


def read_migration(layout: Layout) -> Migration | None:
    """Return the unfinished migration of a root, None without one."""
    path = layout.root / MIGRATION_FILE
    try:
        data = json.loads(read_regular(path, _LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError):
        return Migration(path, "", (), is_readable=False)
    rows = data.get("secondaries") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(rows, list):
        return Migration(path, "", (), is_readable=False)
    names = tuple(str(row["profile"]) for row in rows if isinstance(row, dict) and row.get("profile"))
    return Migration(path, str(data.get("migrated_at") or ""), names)


def standalone_reason(home: Path) -> str:
    """Return why the gateway of a home serves only itself, as Hermes 0.21.4 recorded it; "" without a reason.

    The text can contain an error message of Hermes: redact it before it is shown.
    """
    try:
        data = json.loads(read_regular(home / STATE_FILE, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return ""
    return str(data.get("multiplex_standalone_reason") or "") if isinstance(data, dict) else ""


def fold_warning(
    layout: Layout, hermes: HermesFacts, profiles: Iterable[str], managed: Mapping[str, Any] | None = None
) -> Problem | None:
    """Return the warning for services of these profiles that `hermes update` would remove; None where it would not.

    For `install`, on a Hermes that folds services and still allows one for each profile.
    """
    if not hermes.has(Behaviour.FOLDS_ON_UPDATE) or not folds_by_itself(layout, managed):
        return None
    names = [name for name in profiles if name != DEFAULT and not is_standalone(layout.home(name))]
    if not names:
        return None
    of = names[0] if len(names) == 1 else f"{len(names)} profiles"
    return Problem(
        "folded-on-update",
        f"`hermes update` removes the service{'s' if len(names) > 1 else ''} of {of} and has default's gateway serve "
        "all profiles",
        None,
        f"keep the services with `hermes-profiles config set default {'.'.join(AUTO_MIGRATION)} false`, or switch to "
        "one gateway with `hermes-profiles team run-mode multiplex`",
    )


def standing_warnings(settings: UpdateSettings) -> list[Problem]:
    """Return the warnings of a root on a Hermes with one gateway: temporary settings, an unfinished migration."""
    found = []
    if settings.standalone:
        names = ", ".join(sorted(settings.standalone))
        found.append(Problem("temporary", f"{names}: {STANDALONE_END}", "gateway.standalone"))
    if settings.migration is not None:
        found.append(
            Problem(
                "half-migrated",
                "a migration of Hermes to one gateway is unfinished",
                str(settings.migration.path),
                "finish it with `hermes-profiles team run-mode multiplex`, or take it back with "
                "`hermes-profiles team run-mode processes --standalone`",
            )
        )
    return found
