"""The doctor runner: selection of checks, order of findings, exit codes, and failures of checks and probes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from doctor_root import DoctorRoot
from hints import unknown_words

from hermes_profiles.changes.signature import Signature
from hermes_profiles.doctor import collect as examination
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity, TightenMode
from hermes_profiles.doctor.registry import CHECKS
from hermes_profiles.doctor.runner import Check, run_checks, select_checks
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.secret import Secret

KEY = b"k" * 32
FIX = Fix("repair it", "true")
NO_FACTS: Any = None


def check(id: str, *findings: Finding, severity: Severity = Severity.ERROR) -> Check:
    return Check(id, severity, f"title of {id}", lambda _: iter(findings))


def finding(message: str, *profiles: str, severity: Severity | None = None, **more: Any) -> Finding:
    return Finding(message, FIX, profiles, severity=severity, **more)


def throwing(_: Facts) -> Iterator[Finding]:
    yield finding("before it broke", "work")
    raise ValueError("CANARY in the text of an error")


def messages(*checks: Check, **options: Any) -> list[str]:
    return [each.finding.message for each in run_checks(NO_FACTS, checks, key=KEY, **options)]


def test_findings_sort_by_severity_then_registry() -> None:
    first = check("b.one", finding("second", "work"), finding("first", "family"), severity=Severity.WARNING)
    second = check("a.two", finding("worst", "work"), finding("remark", severity=Severity.INFO))
    assert messages(first, second) == ["worst", "first", "second", "remark"]
    assert messages(second, first) == ["worst", "first", "second", "remark"]


def test_failed_check_is_reported_and_others_run() -> None:
    found = run_checks(
        NO_FACTS, (Check("a.bad", Severity.INFO, "", throwing), check("a.good", finding("seen"))), key=KEY
    )
    assert [(each.check.id, each.finding.message) for each in found] == [
        ("general.check-failed", "the check a.bad failed: ValueError"), ("a.good", "seen"), ("a.bad", "before it broke")
    ]  # fmt: skip
    assert found[0].severity is Severity.ERROR
    with pytest.raises(ValueError, match="CANARY"):
        run_checks(NO_FACTS, (Check("a.bad", Severity.INFO, "", throwing),), key=KEY, debug=True)


def test_named_profiles_keep_findings_without_profiles() -> None:
    one = check("a.one", finding("both", "work", "family"), finding("other", "family"), finding("machine"))
    assert messages(one, profiles={"work"}) == ["machine", "both"]
    assert messages(one, profiles=None) == ["machine", "other", "both"]


def test_fingerprint_ignores_lines_and_depends_on_subject_and_key() -> None:
    def prints(*findings: Finding, key: bytes = KEY) -> list[str]:
        return [each.fingerprint for each in run_checks(NO_FACTS, (check("a.one", *findings),), key=key)]

    def at(line: int, name: str = "TOKEN") -> Finding:
        return finding("x", "work", evidence=(Evidence("work", "/h/.env", line, name),))

    (moved, before) = prints(at(3), at(90))
    assert moved == before and len(moved) == 8
    assert prints(at(3)) != prints(at(3, "OTHER"))
    assert prints(at(3)) != prints(at(3), key=b"o" * 32)
    same = prints(
        finding("a", subject=Secret("s")), finding("b", subject=Secret("s")), finding("c", subject=Secret("t"))
    )
    assert same[0] == same[1] != same[2]


@pytest.mark.parametrize(("only", "skip", "wanted"), [
    ((), (), ["a.one", "a.two", "b.one"]), (("a",), (), ["a.one", "a.two"]),
    (("b.one", "a.two"), (), ["a.two", "b.one"]),
    ((), ("a",), ["b.one"]), (("a",), ("a.one",), ["a.two"]),
])  # fmt: skip
def test_select_checks_by_id_and_family(only: tuple[str, ...], skip: tuple[str, ...], wanted: list[str]) -> None:
    checks = (check("a.one"), check("a.two"), check("b.one"))
    assert [each.id for each in select_checks(checks, only, skip)] == wanted


def test_select_checks_unknown_name_suggests_similar_ids() -> None:
    with pytest.raises(UsageProblem) as refused:
        select_checks((check("a.one"), check("b.one")), (), ("c.one",))
    assert "'c.one' is not a check" in str(refused.value)
    assert "a.one, b.one" in str(refused.value.problem.hint)


# the command


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """Return the list of checks that the command runs instead of the registry."""
    chosen: list[Check] = []
    monkeypatch.setattr("hermes_profiles.cli.commands.profile.doctor.CHECKS", chosen)
    return chosen


def test_exit_codes(world: DoctorRoot, checks: list[Check]) -> None:
    assert world.doctor().code == 0
    checks.append(check("a.one", finding("w"), severity=Severity.WARNING))
    assert (world.doctor().code, world.doctor("--strict").code) == (0, 3)
    checks.append(check("a.two", finding("e", "work")))
    assert (world.doctor().code, world.doctor("--json").code) == (3, 3)
    assert world.doctor("family").code == 0, "it does not concern family"
    assert world.doctor("--skip", "a.two").code == 0
    assert world.doctor("nobody").code == 5
    assert world.doctor("--only", "nothing").code == 2
    nowhere = world.user / "nowhere"
    assert world.doctor("--home", str(nowhere)).code == 5 and not nowhere.exists()


def test_report_begins_with_summary_then_errors(world: DoctorRoot, checks: list[Check]) -> None:
    evidence = (Evidence("work", "/h/.env", 4, "NAME"),)
    checks += [
        check("a.small", finding("a small thing", "work"), severity=Severity.INFO),
        check("a.big", finding("a big thing", "work", evidence=evidence)),
    ]
    assert world.doctor("work").stdout.splitlines() == [
        "1 error, 1 remark in 1 profile",
        "",
        "error: title of a.big  [a.big]",
        "  a big thing",
        "    fix: repair it: `true`",
        "info: title of a.small  [a.small]",
        "  a small thing",
        "    fix: repair it: `true`",
        "`-v` shows the place of each",
        "for the rest of work, run Hermes' own doctor: `hermes -p work doctor`",
    ]


def test_verbose_report_shows_places_relative_to_the_root(world: DoctorRoot, checks: list[Check]) -> None:
    places = (Evidence("work", f"{world.root}/profiles/work/.env", 4, "NAME"), Evidence("work", "/h/.env", 4, "NAME"))
    checks.append(check("a.big", finding(f"a thing in {world.root}/profiles/work/.env", "work", evidence=places)))
    lines = world.doctor("-v").stdout.splitlines()
    assert lines == [
        "1 error in 3 profiles",
        f"paths are relative to {world.root}",
        "",
        "error: title of a.big  [a.big]",
        "  a thing in profiles/work/.env",
        "    profiles/work/.env:4 NAME",
        "    /h/.env:4 NAME",
        "    fix: repair it: `true`",
        "",
    ]


def test_report_keeps_the_paths_of_commands_whole(world: DoctorRoot, checks: list[Check]) -> None:
    path = f"{world.root}/profiles/work/.env"
    checks.append(check("a.big", finding(f"{path} is odd", "work")._replace(fix=Fix(f"run `less {path}`, or {path}"))))
    lines = world.doctor().stdout.splitlines()
    assert "  profiles/work/.env is odd" in lines
    assert f"    fix: run `less {path}`, or profiles/work/.env" in lines


def test_report_shows_shared_fix_once_and_own_command_without_words(world: DoctorRoot, checks: list[Check]) -> None:
    own = Fix("take it away", "hermes-profiles repair --dry-run")
    found = [finding("first", "work")._replace(fix=own), finding("second", "work"), finding("third", "work")]
    found[2] = found[2]._replace(fix=own)
    checks.append(check("a.big", *found))
    assert world.doctor().stdout.splitlines()[3:-1] == [
        "  first", "  third", "    fix: `hermes-profiles repair --dry-run`", "  second", "    fix: repair it: `true`",
    ]  # fmt: skip


def test_report_repeats_the_check_selection(world: DoctorRoot, checks: list[Check]) -> None:
    checks += [check("a.quiet"), check("b.loud", finding("a thing", "work"))]
    assert world.doctor("--skip", "b").stdout == "no findings of the selected checks in 3 profiles\n"
    assert world.doctor().stdout.splitlines()[0] == "1 error in 3 profiles"
    repair = TightenMode(world.home("work") / ".env", 0o600, Signature(0, 0, 0, 0, 0, 0))
    checks[1] = check("b.loud", finding("a thing", "work", repairs=(repair,)))
    output = world.doctor("work", "--only", "b.loud", "--skip", "a").stdout
    assert "1 of them can be fixed: `hermes-profiles doctor work --fix --only b.loud --skip a`" in output


def test_report_counts_findings_beyond_the_limit(world: DoctorRoot, checks: list[Check]) -> None:
    checks.append(check("a.many", *(finding(f"thing {number:02}", "work") for number in range(30))))
    text = world.doctor().stdout
    assert "and 22 more; `-v` shows them all" in text and text.count("fix: repair it") == 1
    assert len(world.findings()) == 30


def test_commands_name_the_inspected_root(world: DoctorRoot, checks: list[Check]) -> None:
    commands = {
        "hermes-profiles repair": f"hermes-profiles repair --home {world.root}",
        "hermes-gateways stop a && hermes -p a sessions repair":
            f"hermes-gateways stop a --home {world.root} && HERMES_HOME={world.root} hermes -p a sessions repair",
        "chmod 600 x": "chmod 600 x", "": None,
    }  # fmt: skip
    for number, command in enumerate(commands):
        checks.append(check(f"a.{number}", Finding("x", Fix("y", command))))
    home = ("--home", str(world.root))
    assert [row["fix"]["command"] for row in world.findings(*home)] == list(commands.values())
    text = world.doctor("work", *home).stdout
    assert f"`hermes-profiles repair --home {world.root}`" in text
    assert f"run Hermes' own doctor: `HERMES_HOME={world.root} hermes -p work doctor`" in text


def test_list_prints_every_check(world: DoctorRoot) -> None:
    rows = world.doctor("--list", "--json").data["checks"]
    assert [row["id"] for row in rows] == [each.id for each in CHECKS]
    assert "general.unseen" in world.doctor("--list").stdout


def test_explain_knows_the_checks_and_names_a_command_that_runs(world: DoctorRoot) -> None:
    for check in ("runtime.deaf", "places.clock"):
        found = world.runner.ok("explain", check, "--json").data["check"]
        assert found["id"] == check and found["title"] in world.runner.ok("explain", check).stdout
        assert unknown_words(found["command"]) is None
        assert world.runner.call(*found["command"].split()[1:]).code == 0
    assert world.runner.call("explain", "runtime.nothing", "--json").code == 5


def test_fix_requires_confirmation(world: DoctorRoot, checks: list[Check]) -> None:
    from hermes_profiles.doctor.findings import EditFile

    path = world.home("work") / "new.txt"
    edit = EditFile(path, lambda raw, _: raw or b"made\n")
    made = finding("no file", "work", repairs=(edit,))
    checks.append(Check("a.file", Severity.ERROR, "", lambda _: iter(() if path.exists() else (made,))))
    refused = world.doctor("--fix", "--json")
    assert refused.code == 6 and "--fix --yes" in refused.problem["hint"] and not path.exists()
    fixed = world.doctor("--fix", "--yes", "--json")
    assert fixed.code == 0 and path.read_bytes() == b"made\n" and len(fixed.data["fixed"]) == 1


def test_hanging_home_is_reported_and_others_are_checked(
    world: DoctorRoot, checks: list[Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    event, read = threading.Event(), examination.read_profile_facts

    def slow(layout: Any, name: str, *more: Any) -> Any:
        if name == "family":
            event.wait(20)
        return read(layout, name, *more)

    monkeypatch.setattr(examination, "read_profile_facts", slow)
    monkeypatch.setattr(examination.FactCollector.__init__, "__kwdefaults__", {"home_limit": 0.3, "limit": 15.0})
    checks += [each for each in CHECKS if each.id == "general.unseen"]
    checks.append(Check("a.seen", Severity.INFO, "", lambda facts: (finding(name) for name in facts.profiles)))
    rows = world.findings()
    event.set()
    assert [row["message"] for row in rows] == [
        f"cannot read the home {world.home('family')}: no answer within 0.3 s", "default", "work"
    ]  # fmt: skip
    assert rows[0]["profiles"] == ["family"]


def test_failed_probes_are_reported(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def throw(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/some/place")

    for name in ("probe_files", "probe_identities", "probe_services", "probe_runtime", "read_fleet_status"):
        monkeypatch.setattr(examination, name, throw)
    rows = [row for row in world.findings() if row["check"] == "general.unseen"]
    assert len(rows) == 5
    assert [row["message"] for row in rows if "/some/place: permission denied" not in row["message"]] == []
    assert not [row for row in world.findings() if row["check"] == "general.check-failed"]


_opened: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("open", "os.scandir", "os.listdir", "subprocess.Popen", "socket.connect"):
        name = os.fspath(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else str(arguments[0])
        if not str(name).endswith((".py", ".pyc", ".json", ".so")) or ".hermes" in str(name):
            _opened.append(f"{event} {name!r}")


_watching: list[bool] = []
sys.addaudithook(_note)


def test_checks_open_no_files(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files, also broken ones, are read before the first check runs."""
    world.add("work", ".env", "TELEGRAM_BOT_TOKEN=7100000001:CANARYsameCANARYsameCANARYsame1\n")
    world.add("family", ".env", "TELEGRAM_BOT_TOKEN=7100000001:CANARYsameCANARYsameCANARYsame1\n'B'=\"open\n")
    world.add("family", "config.yaml", "broken: [\n")
    run = run_checks

    def quiet(*arguments: Any, **options: Any) -> Any:
        _watching.append(True)
        try:
            return run(*arguments, **options)
        finally:
            _watching.clear()

    monkeypatch.setattr("hermes_profiles.operations.repairs.doctor.run_checks", quiet)
    _opened.clear()
    world.findings()
    assert [each for each in _opened if "ruamel" not in each] == [], "ruamel.yaml lists its own folder"
