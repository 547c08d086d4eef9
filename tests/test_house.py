"""The rules of the house: rooms import downward only, the pure stay pure, and `list` stays light."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from command_runner import REPOSITORY, LeakedCanary, Runner

import hermes_profiles
from hermes_profiles.model.secret import Secret

PACKAGE = Path(hermes_profiles.__file__).parent
ROOMS = ("model", "documents", "credentials", "changes", "profiles", "services", "fleet", "doctor", "cli")
# `credentials` judges and `changes` writes: they know nothing of each other.
FORBIDDEN_PAIRS = {("credentials", "changes"), ("changes", "credentials"), ("changes", "documents")}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
PURE = ("model", "documents", "credentials")
IMPURE = {"subprocess", "socket", "shutil", "tempfile", "time", "psutil", "threading", "asyncio", "signal", "random"}
# os, in a pure room, is text about paths and nothing else.
PURE_OS = {"fspath", "fsencode", "fsdecode", "path", "sep", "linesep", "PathLike"}
HEAVY = {"rich", "ruamel", "dotenv", "psutil", "pydantic", "hermes_cli", "platformdirs", "subprocess", "socket"}
LONGEST_MODULE, LONGEST_FUNCTION = 500, 60


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _room(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else ""


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path, package: Path = PACKAGE) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import of a module, relative ones spelled out, inside functions too."""
    here = ("hermes_profiles", *path.relative_to(package).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module,) if node.module else ())))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def wrong_imports(path: Path, package: Path = PACKAGE) -> list[str]:
    own = path.relative_to(package).parts[0] if path.parent != package else ""
    found = []
    for line, name in imported(path, package):
        parts = name.split(".")
        if parts[0] != "hermes_profiles" or own not in ROOMS or len(parts) < 2 or parts[1] not in ROOMS:
            continue
        if ROOMS.index(parts[1]) > ROOMS.index(own) or (own, parts[1]) in FORBIDDEN_PAIRS:
            found.append(f"{path.relative_to(package)}:{line} imports {name}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_go_downward_only(path: Path) -> None:
    assert wrong_imports(path) == []


@pytest.mark.parametrize(("room", "line", "is_wrong"), [
    ("credentials", "from ..profiles import clone", True),
    ("credentials", "from hermes_profiles.changes.plan import Step", True),
    ("credentials", "def f():\n    import hermes_profiles.gateways.model", True),
    ("model", "from .. import cli", True),
    ("profiles", "from ..changes.plan import Step", False),
    ("cli", "from .output import note", False),
    ("documents", "from .text import x", False),
])  # fmt: skip
def test_the_walker_sees_every_way_to_import(tmp_path: Path, room: str, line: str, is_wrong: bool) -> None:
    module = tmp_path / room / "module.py"
    module.parent.mkdir()
    module.write_text(line + "\n")
    assert bool(wrong_imports(module, tmp_path)) == is_wrong


def test_every_module_lies_in_a_room() -> None:
    assert {_room(path) for path in MODULES} <= {"", *ROOMS}


@pytest.mark.parametrize("path", [path for path in MODULES if _room(path) in PURE], ids=_name)
def test_pure_rooms_touch_no_world(path: Path) -> None:
    names = [name for _, name in imported(path)]
    assert not {name.split(".")[0] for name in names} & IMPURE
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input", "exec", "eval"), f"{path}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr in PURE_OS, f"{path}:{node.lineno} os.{node.attr}"
        if isinstance(node, ast.Attribute) and node.attr in ("today", "utcnow", "now"):
            raise AssertionError(f"{path}:{node.lineno} looks at the clock")
    assert all(name.split(".")[1] in PURE_OS for name in names if name.startswith("os.")), names


_READS = {"r", "rb"}
_WRITERS = {
    "write_text", "write_bytes", "touch", "unlink", "rename", "replace", "rmdir", "mkdir", "symlink_to", "chmod",
    "makedirs", "remove", "removedirs", "rmtree", "copytree", "copyfile", "move", "hardlink_to", "truncate", "chown",
}  # fmt: skip
_STRINGS = {"replace"}  # str.replace, dataclasses.replace
# The demo builds its sandbox, a folder of its own that is gone afterwards, and never a user's.
_MAY_WRITE = {"cli/commands/demo/demo.py", "cli/commands/demo/source.py"}


@pytest.mark.parametrize("path", [path for path in MODULES if _room(path) != "changes"], ids=_name)
def test_only_changes_writes_files(path: Path) -> None:
    if _name(path) in _MAY_WRITE:
        return
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id == "open":
            mode = node.args[1] if len(node.args) > 1 else ast.Constant("r")
            assert isinstance(mode, ast.Constant) and mode.value in _READS, f"{path}:{node.lineno} opens for writing"
        if isinstance(function, ast.Attribute):
            on_os = isinstance(function.value, ast.Name) and function.value.id in ("os", "shutil")
            name = function.attr
            assert name not in _WRITERS - _STRINGS, f"{path}:{node.lineno} {name}"
            assert not (on_os and name in _WRITERS), f"{path}:{node.lineno} os.{name}"
            if on_os and name == "open":
                assert "O_WRONLY" not in ast.unparse(node) or "devnull" in ast.unparse(node), f"{path}:{node.lineno}"
                assert "O_CREAT" not in ast.unparse(node), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_the_output_prints(path: Path) -> None:
    if _name(path) in ("cli/framework/output.py", "cli/framework/process_exit.py"):
        return
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            said = ast.unparse(node.func)
            assert said not in ("print", "sys.stdout.write", "sys.stderr.write", "typer.echo"), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_and_functions_stay_short_and_are_described(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    tree = _tree(path)
    assert ast.get_docstring(tree), "what is this module for?"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_error_is_swallowed_whole(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ExceptHandler):
            everything = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            silent = all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
            assert not (everything and silent), f"{path}:{node.lineno}"


def test_every_word_for_a_secret_hides_it() -> None:
    for value in ("CANARY-text", b"CANARY-bytes"):
        secret = Secret(value)
        for shown in (
            str(secret),
            repr(secret),
            f"{secret}",
            f"{secret!r}",
            format(secret),
            str([secret]),
            str({1: secret}),
        ):
            assert "CANARY" not in shown
        with pytest.raises(TypeError):
            json.dumps(secret)


def _dataclasses_and_tuples() -> list[type]:
    found = []
    for path in MODULES:
        if path.name == "__main__.py":
            continue
        module = importlib.import_module(
            ".".join(("hermes_profiles", *path.relative_to(PACKAGE).with_suffix("").parts))
        )
        found += [
            each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__
        ]  # fmt: skip
    return found


# A field of such a name holds what a user may not see: it must be a Secret, or its class must not show it.
_SECRET_FIELDS = {"state_values", "content", "value", "values", "raw", "token", "secret"}


def _shown_fields() -> Iterator[tuple[type, str, str]]:
    for each in _dataclasses_and_tuples():
        annotations = {name: str(kind) for name, kind in vars(each).get("__annotations__", {}).items()}
        fields = getattr(each, "__dataclass_fields__", {})
        # Made by dataclass or NamedTuple, it shows every field; written by us or inherited from object, none.
        code = getattr(each.__repr__, "__code__", None)
        hides = code is None or code.co_filename.startswith(str(PACKAGE))
        for name, kind in annotations.items():
            is_shown = name not in fields or fields[name].repr
            if name in _SECRET_FIELDS and is_shown and not hides and "Secret" not in kind:
                yield each, name, kind


_KNOWN = {
    "catalog_model.KeyFact.secret",  # a yes or no
    "classifier.Classification.values",  # an index that hides itself
}


def test_no_new_type_shows_what_it_holds() -> None:
    shown = {f"{each.__module__.rpartition('.')[2]}.{each.__name__}.{name}" for each, name, _ in _shown_fields()}
    assert shown <= _KNOWN, "give the field repr=False, or hold a Secret"


def test_plans_reports_and_documents_hide_values(runner: Runner) -> None:
    from hermes_profiles.clone.plan import CloneContext, CloneRequest
    from hermes_profiles.credentials.catalog.catalog import load_catalog
    from hermes_profiles.model.layout import Layout
    from hermes_profiles.operations.plan_clone import plan_clone

    root = runner.user_home / ".hermes"
    root.mkdir()
    (root / ".env").write_text("OPENAI_API_KEY=sk-CANARY-1\nTELEGRAM_BOT_TOKEN=7100:CANARY-telegram-token\n")
    (root / "config.yaml").write_text("platforms:\n  slack:\n    token: CANARY-slack-token\n")
    world = CloneContext(Layout(root, runner.user_home), {}, load_catalog(), lambda: 1, lambda: "CANARY-fresh")
    plan, report = plan_clone(CloneRequest("default", "work"), world)
    assert "CANARY" not in repr(plan) + str(plan) + repr(report) + str(report)


@pytest.mark.parametrize("files", ["plain", "none"])
def test_list_json_loads_nothing_heavy(runner: Runner, files: str) -> None:
    root = runner.user_home / ".hermes"
    for home in (root, root / "profiles" / "work"):
        home.mkdir(parents=True)
        if files == "plain":
            (home / ".env").write_text("OPENAI_API_KEY=sk-CANARY-1\nTELEGRAM_BOT_TOKEN=1:CANARY\n")
            (home / "config.yaml").write_text("model:\n  default: gpt-5\nplatforms:\n  telegram:\n    enabled: true\n")
            (home / "profile.yaml").write_text("description: for the team\n")
    script = (
        "import sys\nfrom hermes_profiles.cli.profiles import run\n"
        "try: run(['list', '--json'])\nexcept SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=runner.environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert len(json.loads(done.stdout)["data"]["profiles"]) == 2
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert not loaded & (HEAVY - {"subprocess", "socket"}), loaded & HEAVY
    assert not [name for name in done.stderr.split() if name.startswith("hermes_profiles.changes")]


def test_the_runner_sees_secrets_in_answers_journals_and_arguments(runner: Runner) -> None:
    with pytest.raises(LeakedCanary, match="stderr"):
        runner.call("show", "CANARY!")
    with pytest.raises(LeakedCanary, match="stdout"):
        runner.call("show", "CANARY!", "--json")
    journal = runner.user_home / ".hermes/profiles/.hermes-profiles/journal/x.json"
    journal.parent.mkdir(parents=True)
    journal.write_text("CANARY")
    with pytest.raises(LeakedCanary, match="journal"):
        runner.call("catalog", "slack")
    scope: dict[str, object] = {}
    code = "import subprocess\ndef start(): subprocess.run(['/bin/true', 'CANARY'])\n"
    exec(compile(code, str(PACKAGE / "cli" / "invented.py"), "exec"), scope)
    with pytest.raises(LeakedCanary, match=r"invented\.py"):
        scope["start"]()  # type: ignore[operator]


def test_the_default_of_the_tests_is_a_home_of_their_own(isolated: Path) -> None:
    assert Path.home() == isolated and isolated != Path("/root") and REPOSITORY not in isolated.parents
