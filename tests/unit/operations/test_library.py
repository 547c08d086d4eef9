"""The library: open_root, its results, its errors, and the examples of its documentation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from runpy import run_path
from typing import Any
from urllib.error import HTTPError

import pytest
from command_root import CommandRoot
from command_runner import REPOSITORY, Runner
from gateway_root import GatewayRoot

import hermes_profiles
from hermes_profiles import NotFound, Outcome, Refused, Root, UsageProblem, open_root

PAGE = REPOSITORY / "docs" / "reference" / "python.md"
EXAMPLE = REPOSITORY / "docs" / "examples" / "web_backend.py"
TOKEN = "7100000004:CANARYlibraryCANARYlibraryCANARY04"


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def world(runner: Runner) -> CommandRoot:
    world = CommandRoot(runner, runner.user_home / ".hermes")
    world.make(
        "default",
        {
            "config.yaml": "model:\n  default: gpt-4\n",
            ".env": f"OPENAI_API_KEY=sk-CANARY-library\nTELEGRAM_BOT_TOKEN={TOKEN}\n",
        },
    )
    return world


def _root(world: CommandRoot, **options: Any) -> Root:
    return open_root(world.root, environment=world.runner.environment, **options)


def _run(block: str, world: CommandRoot) -> str:
    environment = {**world.runner.environment, "HERMES_HOME": str(world.root)}
    done = subprocess.run([sys.executable, "-c", block], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "CANARY" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("number", [number for number, block in enumerate(_blocks()) if ".start(" not in block])
def test_documented_examples_run_in_a_sandbox(world: CommandRoot, number: int) -> None:
    _run(_blocks()[number], world)


def test_documented_example_starts_and_stops_gateways(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    (block,) = [block for block in _blocks() if ".start(" in block]
    assert "work started" in _run(block, fleet) and fleet.pid("work") is None


def test_import_loads_no_operation_and_every_exported_name_exists() -> None:
    script = (
        "import sys, hermes_profiles\n"
        "print(*(name for name in sys.modules if name.startswith('hermes_profiles')))\n"
        "for name in hermes_profiles.__all__: getattr(hermes_profiles, name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["hermes_profiles"]
    assert set(hermes_profiles.__all__) <= set(dir(hermes_profiles))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(hermes_profiles, "nothing")  # noqa: B009


def test_clone_is_planned_applied_and_undone(world: CommandRoot) -> None:
    root = _root(world)
    before = world.picture()
    planned = root.plan_clone("default", "work")
    assert world.picture() == before and planned.report is not None
    assert [row.name for row in planned.report.env_removed] == ["TELEGRAM_BOT_TOKEN"]
    change = root.apply(planned)
    assert [each.profile.name for each in root.profiles()] == ["default", "work"]
    assert [key.name for key in root.profile("work").keys if key.is_set] == ["OPENAI_API_KEY"]
    undone = root.undo(change.id)
    assert undone.errors == () and [each.profile.name for each in root.profiles()] == ["default"]
    assert len(root.changes()) == 2


def test_create_rename_delete_and_restore(world: CommandRoot) -> None:
    root = _root(world)
    root.apply(root.plan_create("work", description="for the team"))
    assert root.rename("work", "office").profile == "office"
    assert root.use("office").before == "default"
    deleted = root.delete("office")
    assert [warning.code for warning in deleted.warnings] == ["sticky-reset"]
    assert [entry.name for entry in root.trash()] == ["office"]
    assert root.restore("office").home == world.home("office")
    assert root.profile("office").listed.profile.description == "for the team"


def test_errors_have_the_codes_of_the_commands(world: CommandRoot) -> None:
    root = _root(world)
    for call, kind, code, arguments in (
        (lambda: root.profile("nobody"), NotFound, "not-found", ("show", "nobody")),
        (lambda: root.plan_clone("default", "default"), UsageProblem, None, ("clone", "default", "default")),
        (lambda: root.delete("default"), Refused, None, ("delete", "default", "--yes")),
        (
            lambda: root.setting("default", "model.missing"),
            NotFound,
            None,
            ("config", "get", "default", "model.missing"),
        ),
    ):
        with pytest.raises(kind) as raised:
            call()
        told = world.call(*arguments, "--json")
        assert raised.value.problem.as_dict() == told.problem and int(raised.value.exit_code) == told.code
        assert code is None or raised.value.problem.code == code


def test_settings_and_variables_change_and_hide_secrets(world: CommandRoot) -> None:
    root = _root(world)
    assert root.set_setting("default", "model.default", "gpt-5").change.changed
    assert root.set_setting("default", "toolsets", ["web", "terminal"], dry_run=True).change.id is None
    assert root.setting("default", "model.default").value.text == "gpt-5"
    assert root.set_setting("default", "agent.limit", 8).after is not None
    assert root.unset_setting("default", "agent.limit").after is None
    assert root.set_variable("default", "OPENAI_API_KEY", "sk-other").outcome == "set"
    assert "sk-other" not in repr(root.variables("default"))
    assert root.unset_variables("default", ["OPENAI_API_KEY"]).removed == ("OPENAI_API_KEY",)


def test_doctor_and_repair_are_planned_and_applied(world: CommandRoot) -> None:
    root = _root(world)
    world.make("twin", {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n"})
    (world.home("twin") / ".env").chmod(0o644)
    found = root.diagnose()
    assert "CANARY" not in repr(found)
    assert "conflicts.shared-identity" in {finding.check.id for finding in found.findings}
    before = world.picture()
    assert root.plan_fix(only=["security"]).steps and world.picture() == before
    fixed = root.fix(only=["security"])
    assert fixed.fixed and fixed.changes
    with pytest.raises(Refused) as refused:
        root.repair(confirm=lambda _: False)
    assert refused.value.problem.code == "not-confirmed"
    planned = root.plan_repair()
    assert [shared.decision.losers for shared in planned.shared] == [("twin",)]
    root.apply(planned)
    assert root.plan_repair().shared == () and "TOKEN" not in (world.home("twin") / ".env").read_text()


def test_gateways_start_with_progress_and_stop(fleet: GatewayRoot) -> None:
    root = open_root(fleet.root, environment=fleet.runner.environment)
    seen: list[Outcome] = []
    states: set[str] = set()
    assert {each.outcome for each in root.install(dry_run=True).outcomes} == {"would-install"}
    root.install()
    started = root.start(
        on_outcome=seen.append,
        on_progress=lambda event: states.update(str(gateway.state) for gateway in event.gateways.values()),
    )
    assert sorted(seen) == sorted(each._replace(remarks=()) for each in started.outcomes)
    assert started.errors == () and "running" in states
    status = root.status(["work"])
    assert [(each.profile, str(each.state), each.gateway.pid) for each in status.gateways] == [
        ("work", "running", fleet.pid("work"))
    ]
    assert {str(each.outcome) for each in root.restart(["work"]).outcomes} == {"restarted"}
    assert {str(each.outcome) for each in root.stop().outcomes} == {"stopped"}
    assert any("hello from" in line.text for line in root.logs(["work"], lines=None)) or root.logs(lines=5) == ()
    assert {str(each.outcome) for each in root.uninstall().outcomes} == {"uninstalled"}


@pytest.fixture
def backend(fleet: GatewayRoot) -> Iterator[str]:
    handler = run_path(str(EXAMPLE))["Backend"]
    handler.root = open_root(fleet.root, environment=fleet.runner.environment)
    handler.log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _lines(url: str, *, post: bool = False) -> list[Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data=b"" if post else None)) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def test_example_backend_lists_clones_starts_and_reports(fleet: GatewayRoot, backend: str) -> None:
    (profiles,) = _lines(f"{backend}/profiles")
    assert [row["name"] for row in profiles["profiles"]] == ["default", "night", "work"]
    (dry,) = _lines(f"{backend}/clone?source=work&name=new&dry_run=1", post=True)
    assert dry["change"] is None and not os.path.exists(dry["path"])
    (made,) = _lines(f"{backend}/clone?source=work&name=new", post=True)
    assert made["change"] is not None and os.path.isdir(made["path"])
    with pytest.raises(HTTPError) as refused:
        _lines(f"{backend}/clone?source=work&name=new", post=True)
    assert json.loads(refused.value.read())["error"]["code"] == "exists"
    fleet.gok("install", "work")
    *states, outcome = _lines(f"{backend}/start?name=work", post=True)
    assert outcome["outcome"] == "started" and any(row.get("work") for row in states)
    (status,) = _lines(f"{backend}/status")
    assert {"name": "work", "state": "running", "pid": fleet.pid("work")} in status["gateways"]


def test_example_backend_uses_the_library_alone_in_sixty_lines() -> None:
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) < 60
    imports = re.findall(r"^(?:from|import) (hermes_profiles\S*)(?: import (.*))?$", text, re.MULTILINE)
    assert imports and all(module == "hermes_profiles" for module, _ in imports)
    for _, names in imports:
        assert set(names.split(", ")) <= set(hermes_profiles.__all__)
