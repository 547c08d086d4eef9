from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_receiver import AlertReceiver

from hermes_profiles.model.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "profiles").mkdir()
    return Layout(tmp_path, tmp_path)


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as server:
        yield server
        server.released.set()
