"""Builds the service model of a profile from its settings and options."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_profiles.conflicts.overlay import overlay_folder
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import HERMES_CRON_DRAIN_TIMEOUT, HERMES_RESTART_DRAIN_TIMEOUT
from hermes_profiles.hermes.files import CONFIG_FILE, GATEWAY_LOG, LOGS_FOLDER, PROFILE_FILE
from hermes_profiles.hermes.gateway_states import CRON_DRAIN
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.model.errors import Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.profile import environment_of, read_sections
from hermes_profiles.profiles.profile_yaml import Values
from hermes_profiles.profiles.redact import redacted, secrets_of
from hermes_profiles.services.spec import Limits, Program, ServiceSpec, Wrapper, stop_limit
from hermes_profiles.services.systemd.user_drop_ins import UserDropIns, read_user_drop_ins

from .carried_wrapper import carried_wrapper

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog

_SECTION = "service"
# `NONE` removes a kept option; `INHERITED` marks a variable that is inherited from the manager.
NONE = "none"
# Added so that the manager's own SIGKILL comes first.
_MARGIN = 15.0
INHERITED = "(inherited)"
# The key in profile.yaml for services that do not start at boot or login.
ENABLE = (_SECTION, "enable")
_SECRET_ENDINGS = ("_KEY", "_APIKEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASS", "_PASSPHRASE")
_LONGEST_DELAY = 3600.0
_MULTIPLES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class ServiceOptions(NamedTuple):
    """The options of a service; `variables`: NAME (inherited from the manager) or NAME=VALUE.

    `enable`: whether the service starts at boot or login (None: it does); `python`: of Hermes (None: search for it).
    All but `managed` are kept in the profile (`service:` in profile.yaml) for the next installation or a rename; the
    value `none` removes an option.
    """

    memory: str | None = None
    cpu: str | None = None
    variables: tuple[str, ...] = ()
    log_folder: str | None = None
    boot_delay: float | None = None
    managed: Path | None = None
    python: str | None = None
    enable: bool | None = None


def to_keep(options: ServiceOptions) -> Values:
    """Return the values of the given options for profile.yaml."""
    kept: dict[tuple[str, ...], str | None] = {}
    cpu = options.cpu if options.cpu in (None, NONE) else f"{parse_cpu(options.cpu)}%"
    given = {"memory": options.memory, "cpu": cpu, "log_folder": options.log_folder, "python": options.python}
    for name, value in given.items():
        if value is not None:
            kept[_SECTION, name] = None if value == NONE else value
    if options.enable is not None:
        kept[ENABLE] = None if options.enable else "false"
    if options.boot_delay is not None:
        kept[_SECTION, "boot_delay"] = f"{options.boot_delay:g}" if options.boot_delay else None
    for text in options.variables:
        name, equals, value = text.partition("=")
        # `=` before a value keeps it a string in YAML: `1.10` must not become 1.1.
        kept[_SECTION, "env", name] = None if equals and value == NONE else (f"={value}" if equals else INHERITED)
    return kept


def kept_options(home: Path, given: ServiceOptions) -> ServiceOptions:
    """Return the given options over the kept ones. Raises Failed where profile.yaml cannot be read."""
    section = read_sections(home / PROFILE_FILE, (_SECTION,), certain=True).get(_SECTION)
    kept = section if isinstance(section, Mapping) else {}
    env = kept.get("env")
    names = {text.partition("=")[0] for text in given.variables}
    stored = [
        str(name) if value == INHERITED else f"{name}={str(value).removeprefix('=')}"
        for name, value in (env.items() if isinstance(env, Mapping) else ())
        if str(name) not in names
    ]
    delay = given.boot_delay if given.boot_delay is not None else kept.get("boot_delay")
    return ServiceOptions(
        _choice(given.memory, kept.get("memory")),
        _choice(given.cpu, kept.get("cpu")),
        (*stored, *(text for text in given.variables if not text.endswith(f"={NONE}"))),
        _choice(given.log_folder, kept.get("log_folder")),
        _seconds(delay),
        given.managed,
        _choice(given.python, kept.get("python")),
        given.enable if given.enable is not None else (False if kept.get("enable") is False else None),
    )


def _choice(given: str | None, kept: object) -> str | None:
    chosen = given if given is not None else (str(kept) if kept is not None else None)
    return None if chosen == NONE else chosen


def _seconds(value: object) -> float:
    try:
        return min(max(0.0, float(str(value))), _LONGEST_DELAY)
    except ValueError:
        return 0.0


def build_spec(
    world: SystemContext,
    profile: str,
    program: Program,
    environment: Mapping[str, str],
    given: ServiceOptions,
    *,
    files_of: Path | None = None,
) -> ServiceSpec:
    """Return the service of a profile; `files_of`: the current folder of a profile that is about to be moved.

    Raises UsageProblem for invalid options, Refused for a secret, Failed for an unreadable file of the profile.
    """
    layout = world.layout
    home = Path(os.path.realpath(layout.home(profile)))
    options = kept_options(files_of or home, given)
    wanted = ("gateway", "agent", "systemd_watchdog_seconds")
    config = read_sections((files_of or home) / CONFIG_FILE, wanted, certain=True)
    watchdog, found = _watchdog(config), _drop_ins(world, profile)
    carried = carried_wrapper(found, profile, watchdog)
    inherited, variables = _variables(options.variables, files_of or home)
    account = pwd.getpwuid(os.getuid()) if layout.platform == "darwin" else None
    folder = Path(options.log_folder) if options.log_folder is not None else home / LOGS_FOLDER
    return ServiceSpec(
        profile=profile,
        home=home,
        root=Path(os.path.realpath(layout.root)),
        name=world.service_name(profile),
        program=program,
        account=_account(environment),
        # launchd and Hermes read the password file: HOME may be a profile.
        account_home=Path(account.pw_dir) if account is not None else world.user_home,
        overlay=overlay_folder(layout, profile),
        prestart=prestart_words(world, profile, options.managed, _seconds(options.boot_delay)),
        log=folder / (f"{profile}.log" if options.log_folder is not None else GATEWAY_LOG),
        inherited=tuple(dict.fromkeys((*inherited, *found.names))),
        variables=variables,
        watchdog=watchdog,
        drain=_drain(config, {**environment, **environment_of(files_of or home)}),
        cron_drain=_cron_drain(config, {**environment, **environment_of(files_of or home)}, program.facts),
        limits=Limits(parse_memory(options.memory), parse_cpu(options.cpu)),
        boot_delay=_seconds(options.boot_delay),
        wrapper=carried.wrapper if carried is not None else Wrapper(()),
    )


def _drop_ins(world: SystemContext, profile: str) -> UserDropIns:
    """Return what the user's own drop-ins give to the gateway; nothing without systemd."""
    service = world.service(profile)
    if service is None or service.path.suffix != ".service":
        return UserDropIns()
    return read_user_drop_ins(service.path, world.user_home)


def prestart_words(
    world: SystemContext, profile: str, managed: Path | None, boot_delay: float = 0.0
) -> tuple[str, ...]:
    """Return the pre-start command of a profile.

    `-I`: neither the working folder nor PYTHONPATH may replace the code.
    """
    words = (sys.executable, "-I", "-m", "hermes_profiles.cli.gateways", "prestart", profile)
    extra = ("--managed", str(managed)) if managed is not None else ()
    delay = ("--boot-delay", f"{boot_delay:g}") if boot_delay > 0 else ()
    return (*words, "--home", os.path.realpath(world.layout.root), *extra, *delay)


def _account(environment: Mapping[str, str]) -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user in a container without an entry
        return environment.get("USER") or str(os.getuid())


def _variables(given: tuple[str, ...], home: Path) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    from hermes_profiles.credentials.catalog.catalog import load_catalog

    inherited, variables = [], []
    catalog = load_catalog() if given else None
    for text in given:
        name, equals, value = text.partition("=")
        if not name.isascii() or not name.isidentifier():
            raise UsageProblem(
                f"{name!r} is not a valid variable name", target="--env", hint="use `--env NAME` or `--env NAME=VALUE`"
            )
        if catalog is not None and (_is_secret(name, catalog) or _holds_secret(value, home, catalog)):
            raise Refused(
                f"{name} cannot be set in a service: every user can read a service file, and a token in it overrides "
                "the profile's own files",
                target=name,
                code="secret-in-service",
                hint=f"set it in the profile's `.env`: `hermes-profiles env set PROFILE {name}`",
            )
        if equals:
            variables.append((name, value))
        else:
            inherited.append(name)
    return tuple(inherited), tuple(variables)


def _is_secret(name: str, catalog: Catalog) -> bool:
    from hermes_profiles.credentials.catalog.catalog import KeyClass

    fact = catalog.lookup(name)
    if fact is not None and (fact.secret or fact.key_class is KeyClass.IDENTITY_CREDENTIAL):
        return True
    return name.startswith("HERMES_") or f"_{name.upper()}".endswith(_SECRET_ENDINGS)


def _holds_secret(value: str, home: Path, catalog: Catalog) -> bool:
    """Return whether a value contains a secret of the profile or looks like a secret."""
    return bool(value) and redacted((value,), secrets_of(home, catalog)) != (value,)


def parse_memory(text: str | None) -> int | None:
    """Return bytes for `512M`, `1.5G`; None for None. Raises UsageProblem."""
    if text is None:
        return None
    number, unit = text.strip().upper().removesuffix("B"), ""
    if number[-1:] in _MULTIPLES:
        number, unit = number[:-1], number[-1:]
    try:
        size = int(float(number) * _MULTIPLES[unit])
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size < 64 * 2**20:
        raise UsageProblem(
            f"{text!r} is not a valid memory limit: a gateway needs about 120 MB",
            target="--memory",
            hint="use `--memory 512M`",
        )
    return size


def parse_cpu(text: str | None) -> int | None:
    """Return percent of one core for `50%`, `50`, `200%`; None for None. Raises UsageProblem."""
    if text is None:
        return None
    number = text.strip().removesuffix("%")
    if not number.isdecimal() or not 1 <= int(number) <= 100_000:
        raise UsageProblem(f"{text!r} is not a valid CPU limit", target="--cpu", hint="use `--cpu 50%` (of one core)")
    return int(number)


def _watchdog(config: Mapping[str, Any]) -> int:
    """Return the watchdog seconds; only whole numbers in systemd's range count (SERVICES.md 2.1)."""
    gateway = config.get("gateway")
    given = gateway.get("systemd_watchdog_seconds") if isinstance(gateway, Mapping) else None
    seconds = _whole(given if given is not None else config.get("systemd_watchdog_seconds"))
    return seconds if 1 <= seconds <= 2_147_483_647 else 0


def _drain(config: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    agent = config.get("agent")
    given = agent.get("restart_drain_timeout") if isinstance(agent, Mapping) else None
    return max(0, _whole(environment.get(HERMES_RESTART_DRAIN_TIMEOUT) or given))


def _cron_drain(config: Mapping[str, Any], environment: Mapping[str, str], facts: HermesFacts) -> int:
    """Return the seconds of the wait for timed jobs; 0: it does not wait."""
    if not facts.has(Behaviour.WAITS_FOR_JOBS):
        return 0
    agent = config.get("agent")
    given: object = environment.get(HERMES_CRON_DRAIN_TIMEOUT, "").strip()
    given = given or (agent.get("cron_drain_timeout") if isinstance(agent, Mapping) else None)
    if given is None or (isinstance(given, str) and not given.strip()):
        return CRON_DRAIN
    try:
        return max(0, int(float(str(given))))
    except (ValueError, OverflowError):
        return CRON_DRAIN


def stop_seconds(home: Path, facts: HermesFacts) -> float:
    """Return the seconds a gateway may take to stop: the limit of its service and a margin."""
    config = read_sections(home / CONFIG_FILE, ("agent",))
    environment = environment_of(home)
    return stop_limit(_drain(config, environment), _cron_drain(config, environment, facts)) + _MARGIN


def _whole(value: object) -> int:
    if isinstance(value, bool) or value is None:
        return 0
    try:
        return int(float(str(value)))
    except (ValueError, OverflowError):
        return 0
