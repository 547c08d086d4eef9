"""The plugin as a folder of a profile: its text, its entry in config.yaml, its removal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from command_root import CommandRoot
from command_runner import Runner

from hermes_profiles.integration.plugin.folder import manifest_text, module_text

CONFIG = "# mine\nmodel: gpt-5  # good\nplugins:\n  enabled:\n    - other\n  disabled: [hermes-profiles, third]\n"


@pytest.fixture
def box(runner: Runner) -> CommandRoot:
    box = CommandRoot(runner)
    box.make("default", {"config.yaml": CONFIG, ".env": ""})
    box.make("work", {".env": ""})
    return box


def folder(box: CommandRoot, name: str) -> Path:
    return box.home(name) / "plugins" / "hermes-profiles"


def test_text_imports_only_the_standard_library() -> None:
    tree = ast.parse(module_text("/opt/a b/hermes-profiles"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"__future__", "os", "re", "sys", "typing", "psutil"}
    values: dict[str, object] = {}
    exec(compile(tree, "plugin", "exec"), values)
    assert values["_PROGRAM"] == ("/opt/a b/hermes-profiles",) and values["ENV_FILE"] == ".env"
    assert callable(values["register"])
    assert manifest_text().startswith("name: hermes-profiles\n")


def test_plugin_is_put_enabled_and_removed(box: CommandRoot) -> None:
    before = (box.home("default") / "config.yaml").read_bytes()
    dry = box.ok("shim", "plugin", "--dry-run", "--json").data
    assert [step["kind"] for step in dry["plan"]] == ["publish", "replace"] and not folder(box, "default").exists()
    data = box.ok("shim", "plugin", "default", "work", "--json").data
    assert data["folders"] == {name: str(folder(box, name)) for name in ("default", "work")}
    for name in ("default", "work"):
        assert sorted(path.name for path in folder(box, name).iterdir()) == ["__init__.py", "plugin.yaml"]
    text = (box.home("default") / "config.yaml").read_text()
    assert text.startswith("# mine\nmodel: gpt-5  # good\nplugins:\n  enabled:\n    - other\n    - hermes-profiles\n")
    assert "third" in text and text.count("hermes-profiles") == 1
    assert box.ok("shim", "plugin", "default", "work", "--json").data["changed"] is False
    (folder(box, "default") / "__pycache__").mkdir()
    (folder(box, "default") / "__init__.py").write_text("old\n")
    assert box.ok("shim", "plugin", "--json").data["changed"] is True
    assert "register" in (folder(box, "default") / "__init__.py").read_text()
    box.ok("shim", "plugin", "--remove")
    assert not folder(box, "default").exists() and folder(box, "work").exists()
    assert "hermes-profiles" not in (box.home("default") / "config.yaml").read_text()
    assert box.ok("shim", "plugin", "--remove", "--json").data["changed"] is False
    for _ in range(3):
        box.ok("undo")
    assert (box.home("default") / "config.yaml").read_bytes() == before and not folder(box, "default").exists()


def test_missing_profile_gets_no_plugin(box: CommandRoot) -> None:
    assert box.call("shim", "plugin", "other", "--json").problem["code"] == "not-found"
    assert not (box.home("other")).exists()
