"""The second half of the demo: real gateways of the clones under the bundled supervisord, and two with one bot.

A Hermes with one gateway for all profiles runs that of default, whose own channels are switched off before.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.render.fleet_tables import gateway_lines
from hermes_profiles.cli.render.gateways import status_data
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.installation.hermes_code import PACKAGE
from hermes_profiles.gateways.installation.hermes_install import find_installation
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILES_FOLDER
from hermes_profiles.model.errors import NotFound, Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import fleet_status
from hermes_profiles.operations.gateways.install_services import ServiceInstaller
from hermes_profiles.operations.gateways.run_fleet import FleetRequest, run_fleet

from .fake_bot_api import Bot
from .source import switch_channels_off

TOKEN = "7000000002:DEMO-shared-by-two-AAHk3q9"  # noqa: S105  made up; the bot is a stand-in on this machine
_SETTLE = 120.0
# Prints lines of the answer at once.
Show = Callable[[Iterable[Block]], None]


def run_demo_fleet(root: Path, sandbox: Path, names: tuple[str, ...], show: Show) -> dict[str, Any] | None:
    """Start the gateways of these profiles, have two of them hold one bot, stop all; returns what was seen.

    None when Hermes is not installed. No process is left running.
    """
    session = _session(root, sandbox)
    try:
        python = sys.executable if importlib.util.find_spec(PACKAGE) is not None else None
        find_installation(session.layout, session.environment, given=python)
    except NotFound:
        return None
    is_one = session.world.hermes.has(Behaviour.ONE_GATEWAY)
    if is_one:
        switch_channels_off(root)
        names = (DEFAULT, *names)
    with Bot() as bot:
        try:
            whose = "one for all profiles" if is_one else "one for each profile"
            show([f"Real gateways are started, {whose}, under the bundled supervisord; this takes a few seconds."])
            _install(session, names, python)
            started = _act(_session(root, sandbox, show), Verb.START, names)
            before = status_data(fleet_status(_session(root, sandbox), names))
            show([*gateway_lines(before), ""])
            shared = [name for name in names if name != DEFAULT][:2]
            for name in shared:
                _share(root / PROFILES_FOLDER / name, f"{bot.url}/{name}/bot")
            show([f"{shared[0]} and {shared[1]} get one Telegram token, as a copied profile has it; all restart."])
            restarted = _act(_session(root, sandbox, show), Verb.RESTART, names)
            after = status_data(fleet_status(_session(root, sandbox), names))
            pollers = bot.pollers()
            show([*gateway_lines(after), "", _poller_line(pollers)])
        finally:
            stopped = _act(_session(root, sandbox), Verb.STOP, names)
            _uninstall(_session(root, sandbox), names)
    show([_end_line(stopped, is_one=is_one)])
    return {
        "one_gateway": is_one,
        "started": started,
        "before": before,
        "restarted": restarted,
        "after": after,
        "stopped": stopped,
        "pollers": pollers,
    }


def _session(root: Path, sandbox: Path, show: Show | None = None) -> FleetSession:
    """Return a fresh look at the sandbox, with nothing of the user's environment but where programs are.

    The folder of this interpreter comes first: its `hermes` is the one that runs. `show`: prints each outcome.
    """
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    environment = {"HOME": str(sandbox), "PATH": path, "LANG": "C.UTF-8"}
    session = FleetSession(str(root), as_json=True, environment=environment, manager_option="supervisor")
    if show is not None:
        session.on_outcome = lambda outcome: show([f"  {outcome.profile}: {outcome.outcome}"])
    return session


def _install(session: FleetSession, names: tuple[str, ...], python: str | None) -> None:
    writer = ServiceInstaller(session, ServiceOptions(python=python))
    writer.write("install", names, session.manager, named=True, load=True, dry_run=False)


def _uninstall(session: FleetSession, names: tuple[str, ...]) -> None:
    from hermes_profiles.fleet.uninstall import uninstall_services

    uninstall_services(session.world, names, session.catalog)


def _act(session: FleetSession, verb: Verb, names: tuple[str, ...]) -> list[dict[str, Any]]:
    request = FleetRequest(verb, RunOptions(settle=_SETTLE))
    return [outcome.as_data() for outcome in run_fleet(session, request, session.selection(names, (), None)).outcomes]


def _share(home: Path, bot: str) -> None:
    """Give a clone the token that another has, as copying a profile by hand does; the bot is a stand-in."""
    from hermes_profiles.changes.state_files import write_state_file

    env, config = home / ENV_FILE, home / CONFIG_FILE
    # These keep Hermes from fetching libraries, and the adapter from asking anybody outside where Telegram is.
    lines = (
        f"TELEGRAM_BOT_TOKEN={TOKEN}",
        "HERMES_DISABLE_LAZY_INSTALLS=1",
        "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1",
        "TELEGRAM_FALLBACK_IPS=149.154.167.220",
    )
    write_state_file(env, env.read_bytes() + "\n".join((*lines, "NO_PROXY=*", "")).encode())
    write_state_file(
        config, f"platforms:\n  telegram:\n    enabled: true\n    extra:\n      base_url: {bot}\n".encode()
    )


def _poller_line(pollers: Sequence[str]) -> str:
    return f"The bot (a stand-in on this machine) was polled by {', '.join(pollers) or 'no gateway'} alone."


def _end_line(stopped: Sequence[Mapping[str, Any]], *, is_one: bool) -> str:
    if is_one:
        return "The gateway was stopped, and its service removed."
    down = sum(row["outcome"] == "stopped" for row in stopped)
    return f"All {down} gateways were stopped, and their services removed."


def no_fleet_lines(*, was_wanted: bool) -> Iterator[Block]:
    """Yield why no gateway was run."""
    if was_wanted:
        yield "Gateways were not run: Hermes is not installed beside this program (`pip install '.[agent]'`)."
    else:
        yield "Gateways were not run, as `--no-gateways` asked."


def fleet_problems(seen: dict[str, Any] | None) -> list[Problem]:
    """Return what did not go as the demo claims."""
    if seen is None:
        return []
    wanted = (("started", "started"), ("restarted", "restarted"), ("stopped", "stopped"))
    told = [
        Problem("demo", f"{row['profile']}: {row['outcome']} ({row['detail']}), not {word}", row["profile"])
        for step, word in wanted
        for row in seen[step]
        if row["outcome"] != word
    ]
    if len(seen["pollers"]) > 1:
        told.append(Problem("demo", f"two gateways polled one bot: {', '.join(seen['pollers'])}"))
    return told
