"""Real Hermes as the judge of many homes.

The judge reads a copy, because its loaders rewrite files (joined keys, UTF-16).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge_process import Reader, environment, read_homes
from real_hermes import hermes_python

# Run by the judge's Python: the imports of a reading, and `read(row)`, which a child of the process calls.
_READER = r"""
import hermes_cli.env_loader, gateway.config, hermes_cli.plugins, hermes_cli.config, utils  # once, for all children
hermes_cli.plugins.discover_plugins()
from gateway.platform_registry import platform_registry
for entry in platform_registry.plugin_entries():  # as on a machine that has the library of every channel
    object.__setattr__(entry, "check_fn", lambda *args, **more: True)
def read(row):
    home = row["home"]
    os.environ["HERMES_HOME"] = home
    for _ in range(2):  # hermes_cli/main.py and gateway/run.py, each while it is imported
        hermes_cli.env_loader.load_hermes_dotenv(hermes_home=home)
    try:
        with open(os.path.join(home, "config.yaml"), encoding="utf-8") as file:
            config = utils.fast_safe_load(file.read()) or {}
    except FileNotFoundError:
        config = {}
    for key, value in config.items():  # gateway/run.py, "Top-level simple values"
        if isinstance(value, (str, int, float, bool)) and key not in os.environ:
            os.environ[key] = str(value)
    found = gateway.config.load_gateway_config()
    connected = found.get_connected_platforms()
    api = found.platforms.get(gateway.config.Platform.API_SERVER)
    from hermes_cli.config import load_config
    model = load_config().get("model")
    return {
        "connected": sorted(one.value for one in connected),
        "enabled": sorted(one.value for one, settings in found.platforms.items() if settings.enabled),
        "api": {key: api.extra.get(key) for key in ("port", "key", "host")} if api else None,
        "model": model,
        "environment": {key: os.environ.get(key) for key in row["variables"]},
    }
"""


READER = Reader(_READER, lambda home: {"home": home, "variables": []})


@dataclass(frozen=True)
class Verdict:
    """Hermes' reading of one home. `api`: port, key and host of its API server, None without a block."""

    connected: frozenset[str]
    enabled: frozenset[str]
    api: Mapping[str, Any] | None
    model: Any
    environment: Mapping[str, str | None]


@contextmanager
def far_folder(name: str) -> Iterator[Path]:
    """Yield a temporary folder outside /tmp: for a home below /tmp Hermes starts no gateway."""
    folder = Path(__file__).parent / ".work" / f"{name}-{os.getpid()}"
    folder.mkdir(parents=True)
    (folder.parent / ".gitignore").write_text("*\n")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def judge(
    homes: Sequence[Path], court: Path, *, variables: Sequence[str] = (), python: str | None = None, **inherited: str
) -> list[Verdict]:
    """Return the verdict on each home. `court` is an empty folder for the copies.

    Homes of one root are copied with their root, since a profile falls back to the root's auth.json.
    `python`: of the judge, that of 0.19.0 without one; PYTHONPATH in `inherited` puts another release before it.
    """
    rows = [
        {"home": str(_copied(home, court / str(number))), "variables": list(variables)}
        for number, home in enumerate(homes)
    ]
    answers = read_homes(READER, rows, court, python=python or hermes_python(), inherited=inherited)
    return [
        Verdict(frozenset(row["connected"]), frozenset(row["enabled"]), row["api"], row["model"], row["environment"])
        for row in answers
    ]


def _copied(home: Path, place: Path) -> Path:
    """Return the copy of a home, in a copy of its root."""
    root = home.parent.parent if home.parent.name == "profiles" else home
    shutil.copytree(root, place / ".hermes", symlinks=True)
    return place / ".hermes" / home.relative_to(root)


def hermes(user_home: Path, *words: str, timeout: float = 60, **more: str) -> subprocess.CompletedProcess[str]:
    """Return the result of the real `hermes` command."""
    command = [hermes_python(), "-m", "hermes_cli.main", *words]
    env = environment(user_home, HERMES_HOME=str(user_home / ".hermes"), NO_COLOR="1", COLUMNS="160", **more)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=env,
        cwd=user_home,
        stdin=subprocess.DEVNULL,
    )
