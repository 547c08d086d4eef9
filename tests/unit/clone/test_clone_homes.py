"""Generated homes: no identity stays in a clone unnamed, and no model loses a key. By night, ten thousand of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from clone_source import PORT, clone, make_layout
from identity_homes import MODEL, MODEL_KEYS, PlantedHome, planted_home, text_of
from nightly import NIGHTLY

from hermes_profiles.changes.plan import CopyFile, PublishTree, WriteFile
from hermes_profiles.clone.plan import CloneContext, CloneRequest
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.operations.profiles.plan_clone import plan_clone

COUNT = int(os.environ.get("HERMES_PROFILES_HOMES", "10000" if NIGHTLY else "40"))
FIRST = int(os.environ.get("HERMES_PROFILES_SEED", "20261129"))


def planned(folder: Path, made: PlantedHome) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files of the clone of a home, by path, and the data of its report; nothing is written."""
    layout = make_layout(folder, made.contents())
    world = CloneContext(layout, {}, load_catalog(), lambda: PORT, lambda: "f" * 64)
    plan, report = plan_clone(CloneRequest("default", "copy", Scope.ALL, ClonePolicy()), world)
    (tree,) = [step for step in plan.steps if isinstance(step, PublishTree)]
    files = {entry.path: entry.content.reveal() for entry in tree.entries if isinstance(entry, WriteFile)}
    files |= {entry.path: Path(entry.source).read_bytes() for entry in tree.entries if isinstance(entry, CopyFile)}
    return files, report.as_data(dry_run=True)


def faults(made: PlantedHome, files: dict[str, bytes], data: dict[str, Any]) -> list[str]:
    """Return what is wrong with a clone: an identity that is neither gone nor named, a key of a model that changed."""
    named = {row["path"] for row in data["files"]["named"]}
    wrong = [
        f"{kind} in {path}"
        for path, text, kind, certain in made.planted
        if text in text_of(files.get(path, b"")) and (path not in named or (certain and path != "config.yaml"))
    ]
    before, after = made.files[".env"], text_of(files[".env"]) + "\n"
    for name in MODEL_KEYS:
        if f"\n{name}=" in f"\n{before}" and f"\n{name}={MODEL_KEYS[name]}\n" not in f"\n{after}":
            wrong.append(f"{name} changed")
    config = yaml.safe_load(files["config.yaml"])
    wrong += [f"{name} changed" for name, value in MODEL.items() if config.get(name) != value]
    return wrong


def test_generated_homes_are_cloned_without_an_identity(tmp_path: Path) -> None:
    for seed in range(FIRST, FIRST + COUNT):
        made = planted_home(seed)
        folder = tmp_path / str(seed)
        files, data = planned(folder, made)
        found = faults(made, files, data)
        shutil.rmtree(folder)
        assert found == [], f"HERMES_PROFILES_SEED={seed}, spelled {made.spelled}, {made.encodings}"


# The kinds of detect-secrets that can be of a channel.
_KINDS = {"Slack Token", "Discord Bot Token", "Telegram Bot Token", "Twilio API Key", "JSON Web Token", "Private Key"}


def scanned(home: Path) -> set[tuple[str, int]]:
    """Return (path, line) of what detect-secrets finds of a channel."""
    run = subprocess.run(
        ["detect-secrets", "-C", str(home), "scan", "--all-files", "--no-verify"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)["results"].items()
    return {(path, row["line_number"]) for path, rows in found for row in rows if row["type"] in _KINDS}


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("detect-secrets") is None, reason="detect-secrets is not installed")
def test_another_scanner_finds_nothing_that_is_not_named(tmp_path: Path) -> None:
    in_sources = 0
    for seed in range(FIRST, FIRST + 100):
        cloned = clone(make_layout(tmp_path / str(seed), planted_home(seed).contents()), scope=Scope.ALL)
        named = {(row["path"], row["line"]) for row in cloned.data["files"]["named"]}
        assert scanned(cloned.home) <= named, f"HERMES_PROFILES_SEED={seed}"
        in_sources += len(scanned(cloned.source)) if seed % 10 == 0 else 0
    assert in_sources > 2
