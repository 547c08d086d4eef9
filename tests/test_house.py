"""The architecture as tests: imports, purity, single writer and printer, names, sizes, prose."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from command_runner import REPOSITORY, LeakedCanary, Runner

import hermes_profiles
from hermes_profiles.model.secret import Secret

PACKAGE = Path(hermes_profiles.__file__).parent
NAME = "hermes_profiles"
# From lowest to highest: a package imports from itself and from packages before it.
ROOMS = (
    "hermes", "model", "documents", "changes", "credentials", "accounts", "profiles", "services", "clone", "settings",
    "gateways", "teams", "archives", "backups", "integration", "awake", "logs", "conflicts", "fleet", "events",
    "alerts", "places", "multiplex", "kubernetes", "doctor", "moves", "operations", "cli",
)  # fmt: skip
# `credentials` and `changes` do not import each other.
FORBIDDEN_PAIRS = {("credentials", "changes"), ("changes", "credentials"), ("changes", "documents")}
MODULES = sorted(PACKAGE.rglob("*.py"))
PURE = ("model", "hermes", "documents", "credentials")
IMPURE = {"subprocess", "socket", "shutil", "tempfile", "time", "psutil", "threading", "asyncio", "signal", "random"}
# In a pure package `os` is used for path strings only.
PURE_OS = {"fspath", "fsencode", "fsdecode", "path", "sep", "linesep", "PathLike"}
HEAVY = {"rich", "ruamel", "dotenv", "psutil", "pydantic", "hermes_cli", "platformdirs", "subprocess", "socket"}
LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_SENTENCE = 500, 60, 120
# Words that CONTRIBUTING.md replaces by technical terms.
BANNED = re.compile(
    r"\b(nobody|somebody|whom|whoever|whatever|anew|mend(?:s|ed|ing)?|(?-i:is none)|stands?(?!-in)|lies|told|tells?"
    r"|said|meanwhile|heard)\b|, too\b",
    re.IGNORECASE,
)
# A module is named by a noun or a verb; these name nothing.
VAGUE_NAMES = {
    "there", "back", "meanwhile", "hands", "sayings", "glance", "look", "words", "found", "examine", "utils", "misc",
    "helpers", "common", "things", "stuff",
}  # fmt: skip


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _room(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else ""


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_source(path))


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_tree(path)))


@cache
def imported(path: Path, package: Path = PACKAGE) -> tuple[tuple[int, str], ...]:
    """Return (line, dotted name) of every import of a module, relative ones spelled out, inside functions as well."""
    return tuple(_imported(path, package))


def _imported(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    here = (NAME, *path.relative_to(package).parts[:-1])
    for node in _nodes(path):
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
        if parts[0] != NAME or own not in ROOMS or len(parts) < 2 or parts[1] not in ROOMS:
            continue
        if ROOMS.index(parts[1]) > ROOMS.index(own) or (own, parts[1]) in FORBIDDEN_PAIRS:
            found.append(f"{path.relative_to(package)}:{line} imports {name}")
    return found


def test_imports_go_downward_only() -> None:
    assert [each for path in MODULES for each in wrong_imports(path)] == []


@pytest.mark.parametrize(("room", "line", "is_wrong"), [
    ("credentials", "from ..profiles import clone", True),
    ("credentials", "from hermes_profiles.changes.plan import Step", True),
    ("credentials", "def f():\n    import hermes_profiles.fleet.state", True),
    ("model", "from .. import cli", True),
    ("profiles", "from ..changes.plan import Step", False),
    ("cli", "from .output import note", False),
    ("documents", "from .text import x", False),
])  # fmt: skip
def test_import_walker_finds_every_import_form(tmp_path: Path, room: str, line: str, is_wrong: bool) -> None:
    module = tmp_path / room / "module.py"
    module.parent.mkdir()
    module.write_text(line + "\n")
    assert bool(wrong_imports(module, tmp_path)) == is_wrong


def circles(package: Path = PACKAGE) -> list[list[str]]:
    """Return the groups of modules that import each other, imports inside functions and for types included."""
    modules = {_dotted(path, package): path for path in package.rglob("*.py")}
    arrows = {
        name: {_module_of(target, modules) for _, target in imported(path, package)} - {"", name}
        for name, path in modules.items()
    }
    order: list[str] = []
    seen: set[str] = set()
    for start in arrows:
        _visit(start, arrows, seen, order)
    reverse: dict[str, set[str]] = defaultdict(set)
    for name, targets in arrows.items():
        for target in targets:
            reverse[target].add(name)
    seen.clear()
    groups = []
    for start in reversed(order):
        group: list[str] = []
        _visit(start, reverse, seen, group)
        if len(group) > 1:
            groups.append(sorted(group))
    return groups


def _dotted(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join((NAME, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _module_of(name: str, modules: Iterable[str]) -> str:
    """Return the module that an imported name is or belongs to; "" for the package itself and for other packages."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name if name in modules and name != NAME else ""


def _visit(start: str, arrows: dict[str, set[str]], seen: set[str], order: list[str]) -> None:
    """Append unvisited reachable modules to `order`, each after its imports."""
    if start in seen:
        return
    seen.add(start)
    stack = [(start, iter(sorted(arrows.get(start, ()))))]
    while stack:
        name, targets = stack[-1]
        following = next((each for each in targets if each not in seen), None)
        if following is None:
            order.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(sorted(arrows.get(following, ())))))


def test_no_module_imports_itself_through_others() -> None:
    assert circles() == []


def test_circle_finder_includes_imports_in_functions(tmp_path: Path) -> None:
    texts = {"a": "from .b import x", "b": "def f():\n    from . import c", "c": "import hermes_profiles.a.a"}
    for name, text in texts.items():
        module = tmp_path / "a" / f"{name}.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text(text + "\n")
    assert circles(tmp_path) == [[f"{NAME}.a.{name}" for name in "abc"]]


def test_every_module_is_in_a_known_package() -> None:
    assert {_room(path) for path in MODULES} <= {"", *ROOMS}


def test_module_names_name_their_subject() -> None:
    assert [_name(path) for path in MODULES if path.stem in VAGUE_NAMES] == []


def test_class_name_exists_once() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(_name(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_named_tuples_are_completed_late() -> None:
    """Those of the stdlib are a fifth of `list`; `hermes`, the lowest package, has five of them."""
    found = [_name(path) for path in MODULES for _, name in imported(path) if name == "typing.NamedTuple"]
    wrong = [path for path in found if _room(PACKAGE / path) != "hermes" and path != "model/named_tuple.py"]
    assert found and wrong == [], "import NamedTuple from hermes_profiles.model.named_tuple"


def test_nothing_below_the_command_line_imports_its_libraries() -> None:
    wrong = []
    for path in MODULES:
        if _room(path) not in ("", "cli"):
            names = [(line, name.split(".")) for line, name in imported(path)]
            wrong += [f"{_name(path)}:{line}" for line, parts in names if parts[0] in ("typer", "click", "rich")]
    assert wrong == []


def _impurities(path: Path) -> Iterator[str]:
    names = [name for _, name in imported(path)]
    yield from (f"{_name(path)} imports {name}" for name in names if name.split(".")[0] in IMPURE)
    yield from (f"{_name(path)} uses {n}" for n in names if n.startswith("os.") and n.split(".")[1] not in PURE_OS)
    for node in _nodes(path):
        place = f"{_name(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("open", "print", "input", "exec", "eval"):
                yield f"{place} {node.func.id}()"
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr not in PURE_OS:
                yield f"{place} os.{node.attr}"
            if node.attr in ("today", "utcnow", "now"):
                yield f"{place} reads the clock"


def test_pure_packages_have_no_side_effects() -> None:
    assert [each for path in MODULES if _room(path) in PURE for each in _impurities(path)] == []


_READS = {"r", "rb"}
_WRITERS = {
    "write_text", "write_bytes", "touch", "unlink", "rename", "replace", "rmdir", "mkdir", "symlink_to", "chmod",
    "makedirs", "remove", "removedirs", "rmtree", "copytree", "copyfile", "move", "hardlink_to", "truncate", "chown",
}  # fmt: skip
_STRINGS = {"replace", "truncate"}  # str.replace, dataclasses.replace, Text.truncate of Rich
# The demo writes to its temporary sandbox only.
_MAY_WRITE = {"cli/commands/demo/demo.py", "cli/commands/demo/source.py"}


def _writes(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if not isinstance(node, ast.Call):
            continue
        function, place = node.func, f"{_name(path)}:{node.lineno}"
        if isinstance(function, ast.Name) and function.id == "open":
            mode = node.args[1] if len(node.args) > 1 else ast.Constant("r")
            if not (isinstance(mode, ast.Constant) and mode.value in _READS):
                yield f"{place} opens for writing"
        if isinstance(function, ast.Attribute):
            on_os = isinstance(function.value, ast.Name) and function.value.id in ("os", "shutil")
            if function.attr in _WRITERS - _STRINGS or (on_os and function.attr in _WRITERS):
                yield f"{place} {function.attr}"
            text = ast.unparse(node) if on_os and function.attr == "open" else ""
            if "O_CREAT" in text or ("O_WRONLY" in text and "devnull" not in text):
                yield f"{place} os.open for writing"


def test_only_changes_writes_files() -> None:
    paths = [path for path in MODULES if _room(path) != "changes" and _name(path) not in _MAY_WRITE]
    assert [each for path in paths for each in _writes(path)] == []


def test_only_the_output_prints() -> None:
    printers = {"print", "sys.stdout.write", "sys.stderr.write", "typer.echo"}
    exempt = {"cli/framework/output.py", "cli/framework/process_exit.py"}
    paths = [path for path in MODULES if _name(path) not in exempt]
    calls = [(path, node) for path in paths for node in _nodes(path) if isinstance(node, ast.Call)]
    last = {name.rpartition(".")[2] for name in printers}
    calls = [each for each in calls if {getattr(each[1].func, "id", ""), getattr(each[1].func, "attr", "")} & last]
    assert [f"{_name(path)}:{node.lineno}" for path, node in calls if ast.unparse(node.func) in printers] == []


def test_modules_and_functions_stay_short() -> None:
    lengths = {_name(path): len(_source(path).splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}
    long = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_modules_and_public_names_are_described() -> None:
    missing = [_name(path) for path in MODULES if not ast.get_docstring(_tree(path))]
    for path in MODULES:
        for node in _tree(path).body:
            is_public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if is_public and not ast.get_docstring(node):
                missing.append(f"{_name(path)}:{node.lineno} {node.name}")
    assert missing == []


def test_first_sentences_of_docstrings_are_short() -> None:
    long = []
    for path in MODULES:
        for node in _nodes(path):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                paragraph = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                if len(re.split(r"\.(?:\s|$)", paragraph)[0]) > LONGEST_SENTENCE:
                    long.append(f"{_name(path)}:{getattr(node, 'lineno', 1)}")
    assert long == []


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the comments, docstrings and messages of a module; a bare name or path is no text."""
    for token in tokenize.generate_tokens(io.StringIO(_source(path)).readline):
        is_text = token.type == tokenize.STRING and not re.fullmatch(r"[rbfu]*[\"'][\w./*:-]*[\"']", token.string)
        # A comment in an installed file stays as it is: its checksum shows edits by hand.
        is_installed = path.name == "render.py" and token.string.startswith(('"# ', 'f"# '))
        if (is_text and not is_installed) or token.type == tokenize.COMMENT:
            yield from ((token.start[0] + number, line) for number, line in enumerate(token.string.splitlines()))


def test_texts_contain_no_banned_words() -> None:
    hits = [
        f"{_name(path)}:{line}: {match[0]}"
        for path in MODULES
        if BANNED.search(_source(path))  # few modules have such a word in their code; tokens take long
        for line, text in _texts(path)
        if (match := BANNED.search(text))
    ]
    assert hits == [], "see the style guide in CONTRIBUTING.md"


def test_no_broad_exception_is_ignored() -> None:
    swallowed = []
    for path in MODULES:
        for node in _nodes(path):
            if isinstance(node, ast.ExceptHandler):
                everything = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
                if everything and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body):
                    swallowed.append(f"{_name(path)}:{node.lineno}")
    assert swallowed == []


def test_architecture_page_names_every_package() -> None:
    page = (REPOSITORY / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^\s*([a-z]+)/ ", page, re.MULTILINE)
    assert tuple(reversed([name for name in named if name in ROOMS])) == ROOMS


def test_secret_field_names_hide_values() -> None:
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


# A field with such a name is confidential: it must be a Secret, or its class must hide it.
_SECRET_FIELDS = {"state_values", "content", "value", "values", "raw", "token", "secret"}


def _shown_fields() -> Iterator[tuple[type, str, str]]:
    for each in _dataclasses_and_tuples():
        annotations = {name: str(kind) for name, kind in vars(each).get("__annotations__", {}).items()}
        fields = getattr(each, "__dataclass_fields__", {})
        # The repr of a dataclass or NamedTuple shows every field; a custom or object repr shows none.
        code = getattr(each.__repr__, "__code__", None)
        hides = code is None or code.co_filename.startswith(str(PACKAGE))
        for name, kind in annotations.items():
            is_shown = name not in fields or fields[name].repr
            if name in _SECRET_FIELDS and is_shown and not hides and "Secret" not in kind:
                yield each, name, kind


_KNOWN = {
    "model.KeyFact.secret",  # a boolean
    "classifier.Classification.values",  # an index that hides its values
}


def test_new_types_hide_held_values() -> None:
    shown = {f"{each.__module__.rpartition('.')[2]}.{each.__name__}.{name}" for each, name, _ in _shown_fields()}
    assert shown <= _KNOWN, "give the field repr=False, or hold a Secret"


def test_plans_reports_and_documents_hide_values(runner: Runner) -> None:
    from hermes_profiles.clone.plan import CloneContext, CloneRequest
    from hermes_profiles.credentials.catalog.catalog import load_catalog
    from hermes_profiles.model.layout import Layout
    from hermes_profiles.operations.profiles.plan_clone import plan_clone

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
    heavy = HEAVY - {"subprocess", "socket"} | {"dataclasses"}
    assert not loaded & heavy, loaded & heavy
    assert not [name for name in done.stderr.split() if name.startswith("hermes_profiles.changes")]


def test_runner_detects_secrets_in_answers_journals_and_arguments(runner: Runner) -> None:
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


def test_tests_use_a_temporary_home(isolated: Path) -> None:
    assert Path.home() == isolated and isolated != Path("/root") and REPOSITORY not in isolated.parents
