"""What a root says about `hermes update`: the setting, the markers, an unfinished migration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hermes_profiles.hermes.version import facts_of
from hermes_profiles.model.layout import Layout
from hermes_profiles.multiplex.update_settings import fold_warning, read_migration, read_update_settings

NAMES = ("default", "anna", "bob")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A root with two named profiles."""
    layout = Layout(tmp_path / ".hermes", tmp_path)
    for name in NAMES:
        layout.home(name).mkdir(parents=True, exist_ok=True)
    return layout


def test_settings_of_a_silent_root_fold(layout: Layout) -> None:
    found = read_update_settings(layout, NAMES)
    assert found.folds and found.migration is None and not found.rewritten
    assert (found.standalone, found.parked) == (frozenset(), frozenset())


def test_settings_name_standalone_and_parked_profiles(layout: Layout) -> None:
    (layout.home("anna") / "config.yaml").write_text("gateway:\n  standalone: true\n")
    (layout.home("bob") / "gateway.parked").write_text("")
    (layout.root / ".multiplex_opt_out_rewritten").write_text("x\n")
    found = read_update_settings(layout, NAMES)
    assert (found.standalone, found.parked, found.rewritten) == (frozenset({"anna"}), frozenset({"bob"}), True)


@pytest.mark.parametrize(("text", "folds"), [("false", False), ("'false'", False), ("true", True), ("", True)])
def test_setting_of_default_decides(layout: Layout, text: str, folds: bool) -> None:
    (layout.root / "config.yaml").write_text(f"gateway:\n  auto_multiplex_migration: {text}\n")
    assert read_update_settings(layout, NAMES).folds is folds


def test_managed_setting_overrides_default(layout: Layout) -> None:
    (layout.root / "config.yaml").write_text("gateway:\n  auto_multiplex_migration: true\n")
    managed = {"gateway": {"auto_multiplex_migration": False}}
    assert read_update_settings(layout, NAMES, managed).folds is False


def test_migration_names_its_profiles(layout: Layout) -> None:
    rows = [{"profile": "anna", "home": "/x"}, {"profile": "bob", "home": "/y"}, "broken"]
    manifest = {"version": 1, "migrated_at": "2026-09-14T10:00:00+0000", "secondaries": rows}
    (layout.root / "gateway_migration.json").write_text(json.dumps(manifest))
    found = read_migration(layout)
    assert found is not None and found.is_readable
    assert (found.started, found.profiles) == ("2026-09-14T10:00:00+0000", ("anna", "bob"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"secondaries": 5}'])
def test_broken_migration_is_reported_not_raised(layout: Layout, text: str) -> None:
    (layout.root / "gateway_migration.json").write_text(text)
    found = read_migration(layout)
    assert found is not None and not found.is_readable and found.profiles == ()


def test_fold_warning_only_where_hermes_folds(layout: Layout) -> None:
    assert fold_warning(layout, facts_of((0, 19, 0)), NAMES) is None
    assert fold_warning(layout, facts_of((0, 21, 3)), ("default",)) is None
    warning = fold_warning(layout, facts_of((0, 21, 3)), NAMES)
    assert warning is not None and warning.code == "folded-on-update" and "of 2 profiles" in warning.message
    (layout.home("anna") / "config.yaml").write_text("gateway: {standalone: true}\n")
    left = fold_warning(layout, facts_of((0, 22, 2)), NAMES)
    assert left is not None and "the service of bob" in left.message
    (layout.root / "config.yaml").write_text("gateway: {auto_multiplex_migration: false}\n")
    assert fold_warning(layout, facts_of((0, 22, 2)), NAMES) is None
