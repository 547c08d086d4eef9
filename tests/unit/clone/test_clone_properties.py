"""Properties of the clone of any home that hypothesis generates.

HERMES_PROFILES_NIGHTLY=1 runs a thousand homes and more.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from clone_source import (
    Cloned,
    assert_shared_alike,
    clone,
    dotenv_view,
    leaks,
    leaks_in,
    line_view,
    make_layout,
)
from clone_strategies import CATALOG, Home, homes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY

from hermes_profiles.credentials.identities import channels_of
from hermes_profiles.credentials.policy import Channels, ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError

EXAMPLES = 1500 if NIGHTLY else 50
thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
MOST_REFUSED = 0.15


@pytest.fixture(scope="module")
def workshop() -> Iterator[Path]:
    """Yield a folder for homes, in memory where that is possible."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def cloned_from(home: Home, workshop: Path, **more: object) -> Cloned:
    folder = Path(tempfile.mkdtemp(dir=workshop))
    return clone(make_layout(folder, home.files), **more)  # type: ignore[arg-type]


def sweep(workshop: Path) -> None:
    for folder in workshop.iterdir():
        shutil.rmtree(folder)


def test_no_value_arrives_and_everything_else_does(workshop: Path):
    counted: Counter[str] = Counter()

    @thorough
    @given(homes(), st.sampled_from(list(Scope)), st.sampled_from([Channels.EXCLUDE, Channels.STRICT_PREFIX]))
    def check(home: Home, scope: Scope, channels: Channels) -> None:
        counted["all"] += 1
        try:
            cloned = cloned_from(home, workshop, scope=scope, policy=ClonePolicy(channels))
        except DocumentError as error:
            counted["refused"] += 1
            assert error.path.endswith((".env", "config.yaml", "gateway.json")) and error.line is not None
            assert leaks_in(str(error.problem).encode(), home.gone) == []
            return
        finally:
            sweep_later.append(None)
        check_clone(home, cloned)
        sweep(workshop)

    sweep_later: list[None] = []
    check()
    sweep(workshop)
    assert counted["refused"] <= MOST_REFUSED * counted["all"], counted


def check_clone(home: Home, cloned: Cloned) -> None:
    assert leaks(cloned.home, home.gone) == []
    assert leaks_in(json.dumps(cloned.data).encode(), home.gone) == []
    assert_shared_alike(home.files[".env"], cloned.bytes(".env"), set(home.shared))  # type: ignore[arg-type]
    text = "\n".join(
        cloned.bytes(name).decode("utf-8", "replace").replace("\r\n", "\n")
        for name in home.files
        if (cloned.home / name).exists()
    )
    if home.whole:
        assert [line for line in home.kept_lines if line not in text] == []
    if "config.yaml" in home.files:
        YamlDocument.parse(cloned.bytes("config.yaml"))
    mentioned = cloned.mentioned()
    for name, content in home.files.items():
        if leaks_in(content, home.gone):  # type: ignore[arg-type]
            assert name in mentioned, name
    assert channels_left(cloned) == ()


def channels_left(cloned: Cloned) -> tuple[str, ...]:
    """Return the channels that the clone's own files switch on."""
    variables: dict[str, str] = {}
    for name in (".op.env", ".env"):
        if (cloned.home / name).exists():
            raw = cloned.bytes(name)
            variables |= line_view(raw) | {key: value or "" for key, value in dotenv_view(raw).items()}
    config = YamlDocument.parse(cloned.bytes("config.yaml")).data() if (cloned.home / "config.yaml").exists() else {}
    return channels_of(variables, config, CATALOG)  # type: ignore[arg-type]


@settings(thorough, max_examples=300 if NIGHTLY else 15)
@given(home=homes())
def test_a_clone_of_a_clone_changes_nothing(workshop: Path, home: Home):
    """A clean home stays as it is, byte for byte."""
    try:
        first = cloned_from(home, workshop)
    except DocumentError:
        sweep(workshop)
        return
    second = clone(first.layout, "copy", "again")
    for name in (".env", ".op.env", "config.yaml", "gateway.json", "SOUL.md"):
        if (first.home / name).exists():
            assert second.bytes(name) == first.bytes(name), name
    assert second.data["env"]["removed"] == [] and second.data["files"]["redacted"] == []
    sweep(workshop)


@settings(thorough, max_examples=300 if NIGHTLY else 15)
@given(home=homes())
def test_with_the_channels_every_document_is_the_same(workshop: Path, home: Home):
    try:
        cloned = cloned_from(home, workshop, policy=ClonePolicy(Channels.CLONE))
    except DocumentError:
        sweep(workshop)
        return
    for name, content in home.files.items():
        assert cloned.bytes(name) == content, name
    sweep(workshop)
