"""`doctor --fix` on a terminal: finding by finding, one change at the end, nothing before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from command_root import OPENAI, TOKEN, CommandRoot, picture
from command_runner import COMMAND
from gateway_root import GatewayRoot
from pty_terminal import Terminal

from hermes_profiles.changes.plan import ReplaceFile
from hermes_profiles.doctor.findings import EditFile, Finding, Fix
from hermes_profiles.doctor.fix_plan import build_fix_plan
from hermes_profiles.doctor.registry import CHECKS
from hermes_profiles.doctor.runner import ReportedFinding, select_checks
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.repairs import chosen_fixes
from hermes_profiles.operations.repairs.doctor import DoctorRun

SHARED = {
    ".env": f"OPENAI_API_KEY={OPENAI}\nTELEGRAM_BOT_TOKEN={TOKEN}\n",
    "config.yaml": "model: gpt-5\nplatforms:\n  telegram:\n    enabled: true\n",
}
ONLY = ("--only", "conflicts.shared-identity", "--only", "security.readable-secret")


@pytest.fixture
def broken(bare: CommandRoot) -> CommandRoot:
    """Two profiles with one bot, whose `.env` files others can read."""
    for name in ("default", "work"):
        bare.make(name, SHARED)
        (bare.home(name) / ".env").chmod(0o644)
    return bare


def talk(world: CommandRoot, *words: str, answers: tuple[str, ...], code: int) -> str:
    """Answer the questions of `doctor --fix` in their order; returns what the terminal showed."""
    with Terminal([*COMMAND, "doctor", "--fix", *words], world.runner.environment, world.user) as terminal:
        for answer in answers:
            terminal.expect("fix it? ")
            terminal.expect(": ")
            terminal.type(answer if answer == "\x03" else f"{answer}\n")
        assert terminal.end() == code, terminal.text
        return terminal.text


def has_token(world: CommandRoot, name: str) -> bool:
    return TOKEN in (world.home(name) / ".env").read_text()


def mode(world: CommandRoot, name: str) -> int:
    return (world.home(name) / ".env").stat().st_mode & 0o777


def test_accepted_findings_are_one_change_with_one_undo(broken: CommandRoot) -> None:
    before = picture(broken.root, without=(".hermes-profiles",))
    shown = talk(broken, *ONLY, answers=("explain", "frob", "y", "y", "y"), code=0)
    assert "1 of 3  error: shared bot or account  [conflicts.shared-identity]" in shown
    assert "default keeps the token: it is the default profile" in shown and "work loses telegram" in shown
    assert "write profiles/work/.env" in shown and "at .env:2 TELEGRAM_BOT_TOKEN" in shown
    assert "'frob' is no answer" in shown and "set the mode of .env to 0600" in shown
    assert has_token(broken, "default") and not has_token(broken, "work")
    assert (mode(broken, "default"), mode(broken, "work")) == (0o600, 0o600)
    (change,) = broken.journal()
    assert f"to undo all of it: `hermes-profiles undo {change['id']}`" in shown
    broken.ok("undo")
    assert picture(broken.root, without=(".hermes-profiles",)) == before


def test_no_and_skip_leave_findings_alone(broken: CommandRoot) -> None:
    shown = talk(broken, *ONLY, answers=("n", "s"), code=3)  # the second of a kind is not asked any more
    assert "nothing is chosen, nothing is changed" in shown and broken.journal() == []
    assert has_token(broken, "work") and mode(broken, "work") == 0o644


def test_user_names_another_owner_and_takes_all_that_follows(broken: CommandRoot) -> None:
    shown = talk(broken, *ONLY, answers=("work", "all"), code=0)
    assert "work keeps the token: you say so" in shown and "default loses telegram" in shown
    assert has_token(broken, "work") and not has_token(broken, "default")
    assert shown.count("also: ") == 2 and len(broken.journal()) == 1


def test_ctrl_c_in_the_middle_changes_nothing(broken: CommandRoot) -> None:
    before = picture(broken.root, without=(".hermes-profiles",))
    talk(broken, *ONLY, answers=("y", "\x03"), code=130)
    assert picture(broken.root, without=(".hermes-profiles",)) == before and broken.journal() == []


def test_finding_without_a_fix_names_the_way_by_hand(bare: CommandRoot) -> None:
    bare.make("default", {"config.yaml": "model: [\n", ".env": ""})
    shown = talk(bare, "--only", "files", answers=(), code=3)
    assert "by hand: " in shown and "nothing is chosen, nothing is changed" in shown


@pytest.mark.parametrize("words", [("--yes",), ("--dry-run",), ("--json", "--dry-run")])
def test_options_for_programs_ask_nothing(broken: CommandRoot, words: tuple[str, ...]) -> None:
    with Terminal([*COMMAND, "doctor", "--fix", *ONLY, *words], broken.runner.environment, broken.user) as terminal:
        assert terminal.end() == 3
        assert "fix it?" not in terminal.text


def test_service_is_part_of_the_one_change(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    before = fleet.program("work").read_bytes()
    (fleet.home("work") / "config.yaml").write_text("model: gpt-5\nagent:\n  restart_drain_timeout: 300\n")
    (fleet.home("work") / ".env").write_text(f"OPENAI_API_KEY={OPENAI}\n")
    (fleet.home("work") / ".env").chmod(0o644)
    entries = len(fleet.journal())
    only = ("--only", "services.drifted", "--only", "security.readable-secret")
    talk(fleet, *only, answers=("y", "y"), code=0)
    assert b"stopwaitsecs=330" in fleet.program("work").read_bytes() and mode(fleet, "work") == 0o600
    assert len(fleet.journal()) == entries + 1
    fleet.ok("undo")
    assert fleet.program("work").read_bytes() == before and mode(fleet, "work") == 0o644


def test_service_of_a_gateway_without_one_is_installed(fleet: GatewayRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.gok("install", "night")
    process = fleet.by_hand("work")
    session = FleetSession(environment=dict(fleet.runner.environment))
    run = DoctorRun(session, select_checks(CHECKS, ["runtime.unsupervised"], ()), ())
    try:
        run.converse(lambda offers: pytest.fail("offered") if offers.offers else ())  # this test started the gateway
        monkeypatch.setattr(chosen_fixes, "second_supervisor", lambda *_: None)
        monkeypatch.setattr(Gateway, "foreign_supervisor", None)
        done = run.converse(lambda offers: [*offers.offers.values()])
        assert len(done.changes) == 1 and not done.errors and done.diagnosis.findings
        assert fleet.rows()["work"]["service"]["enabled"] and fleet.pid("work") == process.pid
    finally:
        process.terminate()
        process.wait(20)


def _finding(edit: Callable[[bytes, str], bytes], layout: Layout) -> ReportedFinding:
    repairs = (EditFile(layout.root / ".env", edit),)
    return ReportedFinding(CHECKS[0], Finding("a fault", Fix("fix it"), ("default",), repairs=repairs), "0" * 8)


def test_edit_of_a_file_that_another_plan_writes_is_added_to_it(bare: CommandRoot) -> None:
    bare.make("default", {".env": "A=1\nB=2\n"})
    layout = Layout(bare.root, bare.user)
    path = layout.root / ".env"
    first = ReplaceFile(path, Secret(b"B=2\n"), expected=None)
    found = _finding(lambda content, _: content.replace(b"2", b"3"), layout)
    plan = build_fix_plan([found], layout, trash_id="t", deleted_at="2026-11-29T00:00:00+00:00", before=(first,))
    assert plan.plan is not None
    (step,) = plan.plan.steps
    assert isinstance(step, ReplaceFile) and step.content is not None and step.content.reveal() == b"B=3\n"
