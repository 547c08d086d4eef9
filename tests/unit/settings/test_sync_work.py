"""The work of a sync grows with the number of its targets, not with its square."""

from __future__ import annotations

from pathlib import Path

import pytest
from work_count import Work, work_of

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles.settings import sync_settings

CATALOG = load_catalog()
FEW, MANY = 12, 48


def _session(folder: Path, count: int, *, team: bool) -> Session:
    layout = Layout(folder / ".hermes", folder)
    for number in range(count):
        home = layout.home(f"p{number:02}")
        home.mkdir(parents=True)
        on = "false" if number else "true"
        (home / "config.yaml").write_text(f"model: {{default: m{number}}}\nplatforms:\n  slack: {{enabled: {on}}}\n")
        token = f"{7100000000 + number}:CANARY{number:029}"
        (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={token}\nSLACK_BOT_TOKEN=xoxb-CANARY-{number}\n")
        if team:
            (home / "profile.yaml").write_text("team: {name: night}\n" if number > 1 else "teams: {night: {}}\n")
    return Session(str(layout.root), environment={"HOME": str(folder), "PATH": "/usr/bin:/bin"})


def _work(folder: Path, count: int, key: tuple[str, ...], *, team: bool = False) -> Work:
    session = _session(folder, count, team=team)
    sync_settings(session, "p00", ["p01"], (key,), dry_run=True)  # imports, compiled patterns and caches

    def sync() -> None:
        done = sync_settings(_renewed(session), "p00", ["all"], (key,), dry_run=True)
        assert len(done.targets) >= count - 1

    return work_of(sync)


def _renewed(session: Session) -> Session:
    return Session(session.home_option, environment=session.environment)


@pytest.mark.parametrize(
    ("key", "team"), [(("model",), False), (("platforms", "slack", "enabled"), False), (("model",), True)],
    ids=["a setting", "a switch of a channel", "in a team"],
)  # fmt: skip
def test_sync_to_four_times_the_profiles_takes_four_times_the_work(
    tmp_path: Path, key: tuple[str, ...], *, team: bool
) -> None:
    few = _work(tmp_path / "few", FEW, key, team=team)
    many = _work(tmp_path / "many", MANY, key, team=team)
    times = MANY / FEW * 1.1
    assert many.read_count <= few.read_count * times, (few.reads, many.reads)
    assert many.calls <= few.calls * times
