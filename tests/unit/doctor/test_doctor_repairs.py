"""Fix plans: one step per file, changed files are kept, and a failed repair does not stop the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from doctor_root import DoctorRoot

from hermes_profiles.changes.plan import describe
from hermes_profiles.changes.signature import Signature
from hermes_profiles.doctor.findings import EditFile, Finding, Fix, MoveAway, RemoveFile, Repair, Severity, TightenMode
from hermes_profiles.doctor.fix_plan import FixPlan, build_fix_plan
from hermes_profiles.doctor.runner import Check, ReportedFinding
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout

NOW = "2026-11-21T10:00:00+00:00"


def seen(path: Path) -> Signature:
    return Signature.of(path.lstat())


def plan_of(world: DoctorRoot, *repairs: Repair) -> FixPlan:
    check = Check("a.one", Severity.ERROR, "", lambda _: iter(()))
    found = [ReportedFinding(check, Finding("x", Fix("y"), ("work",), repairs=(each,)), "0") for each in repairs]
    return build_fix_plan(found, Layout(world.root, world.user), trash_id="20261121T100000Z-0000", deleted_at=NOW)


def steps(repair: FixPlan) -> list[tuple[str, str]]:
    rows: tuple[dict[str, Any], ...] = describe(repair.plan) if repair.plan is not None else ()
    return [(row["kind"], Path(row.get("target") or row["source"]).name) for row in rows]


def test_edits_of_one_file_are_one_step_with_mode(world: DoctorRoot) -> None:
    env = world.write("work", ".env", "A=1\n", mode=0o644)
    found = plan_of(
        world, TightenMode(env, 0o600, seen(env)), EditFile(env, lambda raw, _: raw + b"B=2\n"),
        EditFile(env, lambda raw, _: raw + b"C=3\n"),
    )  # fmt: skip
    assert steps(found) == [("replace", ".env")] and not found.problems
    (step,) = found.plan.steps if found.plan is not None else ()
    assert step.content.reveal() == b"A=1\nB=2\nC=3\n" and step.mode == 0o600  # type: ignore[union-attr]


def test_removed_file_gets_no_edit_or_mode_step(world: DoctorRoot) -> None:
    env = world.write("work", ".env.bak", "A=1\n", mode=0o644)
    found = plan_of(
        world, TightenMode(env, 0o600, seen(env)), EditFile(env, lambda raw, _: raw + b"B=2\n"),
        RemoveFile(env, seen(env)),
    )  # fmt: skip
    assert steps(found) == [("remove", ".env.bak")]


def test_edit_without_change_is_no_step(world: DoctorRoot) -> None:
    assert plan_of(world, EditFile(world.home("work") / ".env", lambda raw, _: raw)).plan is None


def test_appended_file_is_tightened_replaced_file_is_not(world: DoctorRoot) -> None:
    store = world.write("work", "response_store.db", "one", mode=0o644)
    other = world.write("work", "auth.json", "{}", mode=0o644)
    repairs = (TightenMode(store, 0o600, seen(store)), TightenMode(other, 0o600, seen(other)))
    with store.open("a") as file:
        file.write("two")
    other.rename(other.with_name("old.json"))
    world.write("work", "auth.json", "{}", mode=0o644)
    found = plan_of(world, *repairs)
    assert steps(found) == [("mode", "response_store.db")]
    assert [problem.target for problem in found.problems] == [str(other)]


def test_failed_edit_does_not_stop_other_repairs(world: DoctorRoot) -> None:
    def throw(_: bytes, path: str) -> bytes:
        raise DocumentError(path, 3, "cannot be edited with certainty")

    found = plan_of(
        world, EditFile(world.home("work") / ".env", throw),
        EditFile(world.home("family") / ".env", lambda raw, _: raw + b"B=2\n"),
    )  # fmt: skip
    assert steps(found) == [("replace", ".env")] and len(found.problems) == 1
    assert f"{world.home('work')}/.env:3" in found.problems[0].message


@pytest.mark.parametrize("shared", [False, True])
def test_path_behind_a_link_is_not_moved(world: DoctorRoot, shared: bool) -> None:
    folder = world.home("work") / "state"
    if shared:
        (world.user / "elsewhere").mkdir()
        folder.symlink_to(world.user / "elsewhere")
    else:
        folder.mkdir()
    (folder / "odd").mkdir()
    found = plan_of(world, MoveAway("work", (folder / "odd",), "no file"))
    assert (len(found.problems), ("move", "odd") in steps(found)) == ((1, False) if shared else (0, True))


def test_file_changed_during_confirmation_is_kept(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    env = world.write("work", ".env", "OPENAI_API_KEY=CANARY1TELEGRAM_BOT_TOKEN=71:CANARYtelegram\n", mode=0o600)

    def ask(_: str) -> str:
        with env.open("a") as file:
            file.write("LATER=1\n")
        return "yes"

    monkeypatch.setattr("hermes_profiles.cli.framework.output.is_interactive", lambda: True)
    monkeypatch.setattr("hermes_profiles.cli.framework.output.ask", ask)
    done = world.doctor("--fix", "--only", "files.joined-keys")
    assert done.code == 0 and "fixed: " in done.stdout and "dry run" not in done.stderr, done
    assert env.read_text() == "OPENAI_API_KEY=CANARY1\nTELEGRAM_BOT_TOKEN=71:CANARYtelegram\nLATER=1\n"
