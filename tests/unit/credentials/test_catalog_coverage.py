"""The catalogue compared with Hermes: every variable that the channels of hermes-agent read has a row.

The sources and manifests of 0.19.0 (HERMES_JUDGE_PYTHON, else this interpreter) and of the newest release that was
tried (HERMES_NEWEST_PYTHON) are read as text; one test asks the installed package itself.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from once import once
from real_hermes import hermes_python, newest_python

from hermes_profiles.credentials.catalog.catalog import load_catalog, parse_plugin_channel
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import FileRules, Scope

pytestmark = pytest.mark.judge

OLDEST, NEWEST = "0.19.0", "newest"
RELEASES = (OLDEST, NEWEST)
SOURCES = (
    "plugins/platforms/**/*.py",
    "gateway/platforms/**/*.py",
    "gateway/relay/**/*.py",
    "gateway/config.py",
    "hermes_cli/gateway.py",
)
# Where later releases have parts of the last two.
MOVED_SOURCES = (
    "gateway/config_*.py",
    "hermes_cli/gateway_*.py",
    "hermes_cli/setup_platforms.py",
    "hermes_cli/setup_whatsapp_cloud.py",
)
# Read by the channels, but part of no identity.
IGNORED = {
    "PATH": "where commands are found",
    "USER": "who runs the gateway",
    "LOGNAME": "who runs the gateway",
    "SUDO_USER": "who asked for root",
    "VIRTUAL_ENV": "the installation itself",
    "XDG_RUNTIME_DIR": "the session of the user",
    "DBUS_SESSION_BUS_ADDRESS": "the session of the user",
    "HTTP_PROXY": "the network",
    "HTTPS_PROXY": "the network",
    "ALL_PROXY": "the network",
    "WSS_PROXY": "the network",
    "NO_PROXY": "the network",
    "OAUTHLIB_RELAX_TOKEN_SCOPE": "set for a library, while a login is made",
}
# Of the newest release, besides those.
IGNORED_IN_NEWEST = {
    "HOME": "who runs the gateway",
    "USERNAME": "who runs the gateway",
    "USERDOMAIN": "who runs the gateway",
    "USERPROFILE": "who runs the gateway",
    "APPDATA": "the session of the user",
    "LOCALAPPDATA": "the session of the user",
    "XDG_CONFIG_HOME": "the session of the user",
    "INVOCATION_ID": "set by systemd",
    "LD_LIBRARY_PATH": "the installation itself",
    "PYTHONPATH": "the installation itself",
    "FFMPEG_PATH": "where a program is found",
    "HERMES_GATEWAY_INSTALL_START_NOW": "an answer to a question of the Windows installer",
    "HERMES_GATEWAY_INSTALL_START_ON_LOGIN": "an answer to a question of the Windows installer",
    "TERMINAL_CONTAINER_PERSISTENT": "where commands of the agent run",
    "TERMINAL_CWD": "where commands of the agent run",
    "TERMINAL_DOCKER_MOUNT_CWD_TO_WORKSPACE": "where commands of the agent run",
    "TERMINAL_DOCKER_SHARED_CONTAINER_KEY": "where commands of the agent run",
    "TERMINAL_DOCKER_VOLUMES": "where commands of the agent run",
}
# Texts in the sources of Hermes that have the prefix of a channel and are no variables.
NO_VARIABLES = {
    "FEISHU_AVAILABLE": "a global name of the module",
    "SLACK_AVAILABLE": "a global name of the module",
    "TEAMS_SDK_AVAILABLE": "a global name of the module",
    "WECOM_CALLBACK": "a member of an enumeration",
    "WHATSAPP_CLOUD": "a member of an enumeration",
}
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_READER = re.compile(r"env|secret", re.IGNORECASE)
_WRAPPERS = frozenset({"resolve_proxy_url"})


@cache
def site_packages(release: str = OLDEST) -> Path:
    """Return where a release is installed; skips with a reason when it is not."""
    python = hermes_python() if release == OLDEST else newest_python()
    script = "import importlib.util as u; print(u.find_spec('hermes_cli').submodule_search_locations[0])"
    answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return Path(answer.stdout.strip()).parent


@cache
def sources(release: str = OLDEST) -> tuple[Path, ...]:
    root = site_packages(release)
    patterns = SOURCES if release == OLDEST else (*SOURCES, *MOVED_SOURCES)
    return tuple(path for pattern in patterns for path in sorted(root.glob(pattern)))


class Reads(ast.NodeVisitor):
    """Collects the names of variables that one module reads, and the f-strings that build such names."""

    def __init__(self, tree: ast.Module) -> None:
        self.names: set[str] = set()
        self.built: set[str] = set()
        self._values = _bindings(tree)
        self.visit(tree)

    def visit_Call(self, node: ast.Call) -> None:
        called = _dotted(node.func)
        last = called.rsplit(".", 1)[-1]
        if _READER.search(called) or last in _WRAPPERS:
            for argument in node.args[:1]:
                self._take(argument)
        for keyword in node.keywords:
            if keyword.arg and "env" in keyword.arg:
                self._take(keyword.value)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if _dotted(node.value).endswith("environ"):
            self._take(node.slice)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if any(_dotted(side).endswith("environ") for side in node.comparators):
            self._take(node.left)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        """The tables of the set-up menu: {"name": "QQ_APP_ID", "prompt": …}, {"token_var": …}."""
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in ("token_var", "env", "env_var"):
                self._take(value)
            if isinstance(key, ast.Constant) and key.value == "name" and _has_key(node, "prompt"):
                self._take(value)
        self.generic_visit(node)

    def _take(self, node: ast.expr) -> None:
        if isinstance(node, ast.JoinedStr):
            self.built.add("".join(p.value if isinstance(p, ast.Constant) else "*" for p in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _VARIABLE.fullmatch(node.value):
                self.names.add(node.value)
        elif isinstance(node, ast.Name):
            self.names |= self._values.get(node.id, set())
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            for item in node.elts:
                self._take(item)
        elif isinstance(node, ast.IfExp | ast.BoolOp):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._take(child)


def _dotted(node: ast.AST) -> str:
    """Return a name with its dots, of a call that of its function; "" for another expression."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    return node.id if isinstance(node, ast.Name) else ""


def _has_key(node: ast.Dict, name: str) -> bool:
    return any(isinstance(key, ast.Constant) and key.value == name for key in node.keys)


def _bindings(tree: ast.Module) -> dict[str, set[str]]:
    """Return the possible values of a name: constants, and loops over constants (pairs included)."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        pairs: Iterable[tuple[ast.expr, ast.expr]] = ()
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.For | ast.comprehension):
            pairs = [(node.target, node.iter)]
        for target, value in pairs:
            if isinstance(target, ast.Name | ast.Tuple):
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, set()).update(_texts(value))
    return found


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield the names of variables in a literal; a single name counts only with a `_`."""
    if isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.Set):
        for child in ast.walk(node):
            text = child.value if isinstance(child, ast.Constant) else None
            if isinstance(text, str) and "_" in text and _VARIABLE.fullmatch(text):
                yield text


class Scan(NamedTuple):
    """What a release reads. `reads`: variable → one file that reads it; `built`: the f-strings that build names."""

    reads: dict[str, str]
    built: set[str]


Scans = Callable[[str], Scan]


@pytest.fixture
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scans:
    """Return what reads the sources of a release, once for all processes of the run."""
    return lambda release: once(tmp_path_factory, f"scan-{release}", lambda _: _scan(release))


def _scan(release: str) -> Scan:
    found: dict[str, str] = {}
    built: set[str] = set()
    root = site_packages(release)
    for path in sources(release):
        read = Reads(ast.parse(path.read_text(encoding="utf-8")))
        built |= read.built
        for name in read.names:
            found.setdefault(name, str(path.relative_to(root)))
    for manifest in manifests(release):
        channel = parse_plugin_channel(manifest.read_text(encoding="utf-8"), path=str(manifest))
        assert channel is not None, manifest
        for fact in channel.keys:
            found.setdefault(fact.name, str(manifest.relative_to(root)))
    return Scan(found, built)


def manifests(release: str = OLDEST) -> list[Path]:
    return sorted((site_packages(release) / "plugins" / "platforms").glob("*/plugin.y*ml"))


def ignored(release: str) -> dict[str, str]:
    return IGNORED if release == OLDEST else IGNORED | IGNORED_IN_NEWEST


@pytest.mark.parametrize("release", RELEASES)
def test_every_variable_that_a_channel_reads_has_a_row(release: str, scan: Scans):
    catalog = load_catalog()
    missing = {
        name: place
        for name, place in sorted(scan(release).reads.items())
        if name not in ignored(release) and not ((fact := catalog.lookup(name)) is not None and fact.known)
    }
    assert missing == {}


@pytest.mark.parametrize("release", RELEASES)
def test_the_installed_hermes_is_scanned_completely(release: str, scan: Scans):
    # Were the reading above to break, it would find nothing missing.
    assert len(sources(release)) > 60
    assert len(scan(release).reads) > 350
    assert {"TELEGRAM_BOT_TOKEN", "WEIXIN_TOKEN", "GATEWAY_RELAY_SECRET", "LINE_PORT"} <= set(scan(release).reads)


@pytest.mark.parametrize("release", RELEASES)
def test_every_text_with_the_prefix_of_a_channel_is_a_known_variable(release: str):
    # Newest Hermes reads many variables through tables, which the scan above does not follow.
    catalog = load_catalog()
    missing: dict[str, str] = {}
    for path in sorted(site_packages(release).glob("[!.]*/**/*.py")):
        place = str(path.relative_to(site_packages(release)))
        if place.split("/", 1)[0] not in ("gateway", "hermes_cli", "plugins", "agent", "tools", "cron"):
            continue
        for name in re.findall(r"[\"']([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)[\"']", path.read_text(encoding="utf-8")):
            fact = catalog.lookup(name)
            if fact is not None and not fact.known and name not in NO_VARIABLES:
                missing.setdefault(name, place)
    assert missing == {}


def test_private_files_of_newest_stay_behind_or_are_kept_for_a_reason():
    """`PROFILE_CREDENTIAL_PATHS` of its hermes_cli/profiles.py lists what no archive of a profile contains."""
    kept = {
        "npmrc": "a tool's login, which several profiles can use",
        "mem0.json": "a tool's key, which several profiles can use",
        "google_token.json": "a tool's login, which several profiles can use",
        "google_client_secret.json": "the client of a tool, not an account",
        "home": "logins of the programs that the agent runs",
        ".envrc": "settings of the user's shell",
        "honcho.json": "rewritten",
        "auth.json": "rewritten",
        ".env": "rewritten",
        ".op.env": "rewritten",
    }
    tree = ast.parse((site_packages(NEWEST) / "hermes_cli" / "profiles.py").read_text(encoding="utf-8"))
    listed = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROFILE_CREDENTIAL_PATHS"
    )
    paths = {node.value for node in ast.walk(listed) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert len(paths) > 30
    rules = FileRules(load_catalog(), ClonePolicy(), Scope.ALL, is_default=False)
    copied = {path for path in paths if rules.judge(path, folder=True).keeps and rules.judge(path, folder=False).keeps}
    assert copied - set(kept) == set()


@pytest.mark.parametrize("release", RELEASES)
def test_names_that_hermes_builds_from_the_channel_are_patterns(release: str, scan: Scans):
    catalog = load_catalog()
    built = {text for text in scan(release).built if re.fullmatch(r"\*_[A-Z][A-Z0-9_]*", text)}
    assert "*_ALLOW_BOTS" in built
    for text in built:
        for channel in catalog.channels:
            # Newest builds `_NAME` and `_THREAD_ID` from the name of the home channel, not from that of the channel.
            names = [text.replace("*", base) for base in (channel.upper(), f"{channel.upper()}_HOME_CHANNEL")]
            facts = [catalog.lookup(name) for name in names]
            assert any(fact is not None and fact.known for fact in facts), names


def test_ignored_names_are_read_and_have_no_row(scan: Scans):
    catalog = load_catalog()
    assert set(IGNORED) <= set(scan(OLDEST).reads)
    assert {name for name in ignored(NEWEST) if catalog.lookup(name) is not None} == set()


def test_names_ignored_in_newest_are_read_there(scan: Scans):
    assert set(IGNORED_IN_NEWEST) <= set(scan(NEWEST).reads)


def test_every_channel_of_newest_is_in_the_catalogue():
    bundled = {manifest.parent.name for manifest in manifests(NEWEST)}
    assert len(bundled) > 20 and {"a2a", "buzz"} <= bundled
    assert bundled <= set(load_catalog().channels)


def test_every_channel_of_0_19_0_is_in_the_catalogue():
    source = (site_packages() / "gateway" / "config.py").read_text(encoding="utf-8")
    enum = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "Platform")
    built_in = {
        node.value.value for node in enum.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    bundled = {manifest.parent.name for manifest in manifests()}
    assert len(built_in) > 20 and len(bundled) == 20
    catalog = load_catalog()
    assert built_in | bundled <= set(catalog.channels) | {"local"}
    of_0_19_0 = {name for name, channel in catalog.channels.items() if not channel.since}
    assert of_0_19_0 <= built_in | bundled


def test_manifests_of_0_19_0_name_their_channels():
    for manifest in manifests():
        channel = parse_plugin_channel(manifest.read_text(encoding="utf-8"), path=str(manifest))
        assert channel is not None
        assert channel.name == manifest.parent.name


@pytest.mark.parametrize("release", RELEASES)
def test_secrets_of_the_manifests_are_secrets_of_the_catalogue(release: str):
    catalog = load_catalog()
    for manifest in manifests(release):
        channel = parse_plugin_channel(manifest.read_text(encoding="utf-8"), path=str(manifest))
        assert channel is not None
        for fact in channel.keys:
            known = catalog.lookup(fact.name)
            assert known is not None
            assert known.secret or not fact.secret, fact.name


@pytest.mark.parametrize("release", RELEASES)
def test_every_name_in_the_menus_of_hermes_is_known(tmp_path, release: str):
    # 0.19.0 also cuts `A_KEY=xB_TOKEN=y` before names it knows (hermes_cli/config.py).
    script = (
        "import json; from hermes_cli import config as c; "
        "print(json.dumps(sorted(set(c.OPTIONAL_ENV_VARS) | set(c._EXTRA_ENV_KEYS))))"
    )
    python = hermes_python() if release == OLDEST else newest_python()
    environment = {"HOME": str(tmp_path), "HERMES_HOME": str(tmp_path), "PATH": os.defpath}
    environment["HERMES_DISABLE_LAZY_INSTALLS"] = "1"
    answer = subprocess.run(
        [python, "-c", script],
        capture_output=True, text=True, check=True, timeout=120, env=environment, cwd=tmp_path,
    )  # fmt: skip
    names = set(json.loads(answer.stdout.strip().splitlines()[-1]))
    assert len(names) > 300
    assert names - load_catalog().known_names == set()
