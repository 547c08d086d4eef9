"""The plugin in real Hermes 0.19.0: enabled, used, disabled, and harmless when broken."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hermes_judge import environment, far_folder
from real_hermes import hermes_python

from hermes_profiles.cli import hermes_plugin
from hermes_profiles.cli.hermes_plugin import given_words

judged = pytest.mark.judge
TOKEN = "7000000001:CANARY-telegram-token-CANARY-token"
_HAS_US = """
import importlib.metadata as m, hermes_profiles
(found,) = m.entry_points(group="hermes_agent.plugins", name="hermes-profiles")
found.load()
"""


class Hermes:
    """Real Hermes in an environment with this package, with a separate home."""

    def __init__(self, folder: Path) -> None:
        self.home, self.python = folder, hermes_python()
        self.root = folder / ".hermes"
        self.work = self.root / "profiles" / "work"
        self.work.mkdir(parents=True)
        for home in (self.root, self.work):
            (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\nOPENROUTER_API_KEY=sk-CANARY-or\n")
        if subprocess.run([self.python, "-c", _HAS_US], capture_output=True, check=False).returncode:
            pytest.skip(f"NO JUDGE: {self.python} has Hermes, and hermes-profiles is not installed beside it")

    def process(self, *words: str, **more: str) -> subprocess.Popen[str]:
        command = [self.python, str(Path(self.python).parent / "hermes"), *words]
        env = environment(self.home, NO_COLOR="1", COLUMNS="100", HERMES_PROFILES_MANAGER="supervisor", **more)
        return subprocess.Popen(
            command, env=env, cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def run(self, *words: str, code: int | None = 0, **more: str) -> str:
        process = self.process(*words, **more)
        out, err = process.communicate(timeout=120)
        assert code is None or process.returncode == code, (words, process.returncode, out, err)
        assert TOKEN not in out + err
        self.err = err
        return out

    def switch(self, verb: str) -> None:
        """Enable or disable the plugin; each profile has a separate list."""
        for profile in ("default", "work"):
            self.run("-p", profile, "plugins", verb, "hermes-profiles")


@pytest.fixture(scope="module")
def hermes() -> Iterator[Hermes]:
    with far_folder("plugin") as folder:
        yield Hermes(folder)


@pytest.fixture(scope="module")
def switched(hermes: Hermes) -> dict[Path, bytes]:
    """Return config.yaml of both profiles → what enabling writes: Hermes takes seconds for it."""
    paths = [home / "config.yaml" for home in (hermes.root, hermes.work)]
    hermes.switch("enable")
    found = {path: path.read_bytes() for path in paths}
    hermes.switch("disable")
    return found


@pytest.fixture
def enabled(hermes: Hermes, switched: dict[Path, bytes]) -> Iterator[Hermes]:
    before = {path: path.read_bytes() for path in switched}
    for path, content in switched.items():
        path.write_bytes(content)
    yield hermes
    for path, content in before.items():
        path.write_bytes(content)


@judged
def test_plugin_does_nothing_until_enabled(hermes: Hermes) -> None:
    assert "hermes-profiles" in hermes.run("plugins", "list", "--plain", "--no-bundled")
    for word in ("profiles", "gateways"):
        hermes.run(word, "--help", code=2)
        assert f"invalid choice: '{word}'" in hermes.err
    hermes.switch("enable")
    assert "Usage: hermes-gateways" in hermes.run("gateways", "--help")
    hermes.switch("disable")
    hermes.run("gateways", "--help", code=2)


@judged
def test_plugin_commands_pass_every_option_unchanged(enabled: Hermes) -> None:
    assert "Usage: hermes-profiles" in enabled.run("profiles", "--help")
    assert "Usage: hermes-profiles create" in enabled.run("profiles", "create", "-h")
    listed = json.loads(enabled.run("profiles", "list", "--json"))
    assert [row["name"] for row in listed["data"]["profiles"]] == ["default", "work"]
    assert enabled.run("profiles", "--version").startswith("hermes-profiles ")
    rows = json.loads(enabled.run("-p", "work", "gateways", "status", "--json"))["data"]["gateways"]
    assert [row["profile"] for row in rows] == ["work"]
    rows = json.loads(enabled.run("gateways", "status", "--json", "--profile=work"))["data"]["gateways"]
    assert [row["profile"] for row in rows] == ["work"]
    odd = ["two words", "", "--", "*"]
    answer = enabled.run("profiles", "alias", "--name", *odd[:1], "--json", "work", *odd[1:], code=2)
    assert json.loads(answer)["errors"][0]["code"] == "usage"


@judged
@pytest.mark.nightly
def test_plugin_commands_keep_exit_codes(enabled: Hermes) -> None:
    enabled.run("profiles", "show", "nosuch", code=5)
    enabled.run("profiles", "list", "--frob", code=2)
    enabled.run("profiles", "delete", "work", code=6)
    assert "conflicts.shared-identity" in enabled.run("profiles", "doctor", code=3)
    enabled.run("-p", "work", "gateways", "stop", "default", code=2)
    assert "no gateway is running" in enabled.run("profiles")


@judged
@pytest.mark.nightly
def test_plugin_removes_variables_exported_by_hermes(enabled: Hermes) -> None:
    """0.19.0 exports a profile's `.env` before it looks for commands; a clone masks exported variables."""
    words = ("profiles", "create", "b", "--clone", "--no-alias", "--dry-run", "--json")
    assert json.loads(enabled.run(*words))["data"]["env"]["masked"] == []
    exported = json.loads(enabled.run(*words, TELEGRAM_BOT_TOKEN="1:CANARY-of-the-shell"))["data"]["env"]
    assert exported["masked"] == ["TELEGRAM_BOT_TOKEN"]


@judged
@pytest.mark.nightly
def test_plugin_does_not_treat_sticky_profile_as_named(enabled: Hermes) -> None:
    enabled.run("profiles", "use", "work")
    try:
        rows = json.loads(enabled.run("gateways", "status", "--json"))["data"]["gateways"]
        assert {row["profile"] for row in rows} == {"default", "work"}
    finally:
        enabled.run("profiles", "use", "default")


@judged
@pytest.mark.nightly
def test_plugin_execs_program_so_that_signals_reach_it(enabled: Hermes) -> None:
    process = enabled.process("profiles", "config", "set", "work", "model.default")
    out, err = process.communicate(timeout=60)  # standard input is closed
    assert process.returncode == 2 and "no value came" in err, (out, err)
    waiting = subprocess.Popen(
        [enabled.python, str(Path(enabled.python).parent / "hermes"), "profiles", "config", "set", "work", "a"],
        env=environment(enabled.home), cwd=enabled.home, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while b"from-hermes" not in Path(f"/proc/{waiting.pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    waiting.send_signal(signal.SIGTERM)
    waiting.communicate(timeout=20)
    assert waiting.returncode == -signal.SIGTERM


@judged
@pytest.mark.nightly
def test_hermes_works_with_broken_package(enabled: Hermes, tmp_path: Path) -> None:
    """After a broken update no module of the package can be imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nclass Broken:\n    def find_spec(self, name, *_):\n"
        "        if name == 'hermes_profiles':\n            raise ImportError('half an update')\n"
        "sys.meta_path.insert(0, Broken())\n"
    )
    assert enabled.run("config", "path", PYTHONPATH=str(tmp_path)).strip().endswith("config.yaml")
    enabled.run("gateways", "status", code=2, PYTHONPATH=str(tmp_path))
    assert "Traceback" not in enabled.err


@judged
def test_plugin_imports_no_module_from_working_folder(enabled: Hermes) -> None:
    module = enabled.home / "typer.py"
    module.write_text("raise SystemExit('CANARY: imported from the current folder')\n")
    try:
        assert "work" in enabled.run("profiles", "list")
    finally:
        module.unlink()


@judged
def test_disabled_plugin_is_not_imported(hermes: Hermes) -> None:
    script = (
        "import sys; sys.argv = ['hermes', 'frob']\nfrom hermes_cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*[name for name in sys.modules if name.startswith('hermes_profiles')], file=sys.stdout)\n"
    )
    done = subprocess.run(
        [hermes.python, "-c", script], env=environment(hermes.home), cwd=hermes.home, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == ""


def test_plugin_import_loads_no_module_of_package() -> None:
    script = "import sys, hermes_profiles.cli.hermes_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    ours = {name for name in loaded if name.startswith("hermes_profiles")}
    names = {"hermes_profiles.hermes", "hermes_profiles.hermes.environment", "hermes_profiles.hermes.files"}
    assert ours - names == {"hermes_profiles", "hermes_profiles.cli", "hermes_profiles.cli.hermes_plugin"}
    assert not loaded & {"typer", "rich", "json", "psutil", "subprocess"}


class Context:
    """The argument Hermes passes to `register`."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def register_cli_command(
        self, name: str, help: str, setup_fn: object, handler_fn: object, description: str
    ) -> None:
        assert help and description and callable(setup_fn) and callable(handler_fn)
        self.names.append(name)


def test_plugin_registers_two_commands() -> None:
    context = Context()
    hermes_plugin.register(context)
    assert context.names == ["profiles", "gateways"]


@pytest.mark.parametrize(("original", "left", "words"), [
    ("py hermes gateways status", "hermes gateways status", "gateways status"),
    ("py hermes -p work gateways status", "hermes gateways status", "-p work gateways status"),
    ("py -m hermes_cli.main gateways status -p work --json", "x gateways status --json",
        "gateways status -p work --json"),
    ("py -I hermes --profile=work profiles list", "hermes profiles list", "--profile=work profiles list"),
    ("py hermes --profile work profiles x -p b", "hermes profiles x -p b", "--profile work profiles x -p b"),
    ("py -c frob", "hermes profiles list", "profiles list"),
])  # fmt: skip
def test_plugin_finds_original_arguments(original: str, left: str, words: str) -> None:
    assert given_words(original.split(), left.split()) == words.split()


def test_plugin_without_original_environment_removes_dotenv_variables(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    (isolated / ".env").write_text("A=1\nexport  B_2='x'\n#C=3\n D = 4\nnot a line\n")
    (isolated / ".op.env").write_bytes(b"E=\xff\n")
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "A": "1", "B_2": "x", "C": "3", "D": "4", "E": "e", "F": "6",
        "HERMES_HOME": str(isolated)})  # fmt: skip
    monkeypatch.setattr(psutil.Process, "environ", lambda self: {"hermes": ""})
    found = hermes_plugin.given_environment()
    assert set(found) == {"PATH", "C", "F", "HERMES_HOME"}
