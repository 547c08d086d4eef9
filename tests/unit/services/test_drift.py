"""Drift of definitions: same, outdated, edited, foreign; compared by meaning, shown without secrets."""

from __future__ import annotations

import json
import plistlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_hermes import hermes_python
from sample_specs import AWKWARD, awkward_spec, spec_of
from test_systemd_unit import LAUNCHER, NEWER, UNIT

from hermes_profiles.services.checksum import add_checksum
from hermes_profiles.services.drift import Drift, DriftCode, compare
from hermes_profiles.services.launchd.render import MARK, parse_plist, plist_mark, render_plist
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.spec import Limits, Program, ServiceSpec
from hermes_profiles.services.systemd.render import render_drop_in, render_unit, render_unit_unquoted

BASE = Path("/home/ada/.config/systemd/user/hermes-gateway-coder.service")
DROP_IN = BASE.with_name(BASE.name + ".d") / "50-hermes-profiles.conf"
PLIST = Path("/home/ada/Library/LaunchAgents/ai.hermes.gateway-coder.plist")
PROGRAM = Path("/home/ada/programs/hermes-gateway-coder.conf")
CANARY = "xoxb-CANARY-9f31"


def _wanted(spec: ServiceSpec) -> list[tuple[Path, bytes, int]]:
    base = render_unit(spec)
    return [(BASE, base, 0o644), (DROP_IN, render_drop_in(spec, base=base), 0o644)]


def _unit(
    base: Callable[[str], str] | None = None,
    drop_in: Callable[[str], str] | None = None,
    spec: ServiceSpec | None = None,
    today: ServiceSpec | None = None,
) -> Drift:
    """Compare what was installed for `spec`, with changes, to what would be installed for `today`."""
    spec = spec or spec_of()
    (_, unit, _), (_, ours, _) = _wanted(spec)
    installed = {
        BASE: (base or str)(unit.decode()).encode(),
        DROP_IN: (drop_in or str)(ours.decode()).encode(),
    }
    return compare(ManagerKind.SYSTEMD, installed, _wanted(today or spec), today or spec)


def _swap(before: str, after: str) -> Callable[[str], str]:
    def swapped(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    return swapped


def test_what_we_wrote_is_the_same() -> None:
    assert _unit() == Drift(DriftCode.SAME)


def test_nothing_installed_is_missing() -> None:
    drift = compare(ManagerKind.SYSTEMD, {}, _wanted(spec_of()), spec_of())
    assert (drift.code, drift.files) == (DriftCode.MISSING, (BASE, DROP_IN))
    assert drift.details == (f"{BASE} is missing", f"{DROP_IN} is missing")


@pytest.mark.parametrize("text", [UNIT, NEWER, LAUNCHER])
def test_what_hermes_installed_lacks_only_our_drop_in(text: str) -> None:
    drift = compare(ManagerKind.SYSTEMD, {BASE: text.encode()}, _wanted(spec_of()), spec_of())
    assert (drift.code, drift.files) == (DriftCode.MISSING, (DROP_IN,))


@pytest.mark.parametrize(
    "change",
    [
        lambda _: NEWER,
        lambda _: LAUNCHER,
        _swap("\n", "\r\n"),
        _swap("PATH=/opt/hermes", "PATH=/opt/node/bin:/opt/hermes"),
        _swap("Restart=always\n", "# why not\nRestart = always\n"),
        _swap("gateway run", "\\\n  gateway run"),
        _swap("TimeoutStopSec=60", "TimeoutStopSec=3min 30s"),
    ],
)
def test_a_unit_of_the_same_meaning_is_left_alone(change: Callable[[str], str]) -> None:
    drift = _unit(change)
    assert (drift.code, drift.files, drift.diff) == (DriftCode.SAME_MEANING, (), ())


def test_compare_added_setting_is_reported_and_kept() -> None:
    drift = _unit(_swap("RestartSec=5", "RestartSec=9\nNice=5"))
    assert (drift.code, drift.files) == (DriftCode.SAME_MEANING, ())
    assert drift.details == (f"{BASE}: Nice is not from Hermes", f"{BASE}: RestartSec is not from Hermes")


@pytest.mark.parametrize("name", AWKWARD)
def test_what_hermes_rewrote_without_quotes_is_left_alone(name: str) -> None:
    spec = awkward_spec(name)
    (_, _, _), (_, ours, _) = _wanted(spec)
    installed = {BASE: render_unit_unquoted(spec), DROP_IN: ours}
    assert compare(ManagerKind.SYSTEMD, installed, _wanted(spec), spec).code in (DriftCode.SAME, DriftCode.SAME_MEANING)


def test_a_unit_of_hermes_with_an_interpreter_that_moved_is_outdated() -> None:
    drift = _unit(today=spec_of(program=Program("/new/bin/python", "/new", ("/new/bin", "/usr/bin"))))
    assert (drift.code, drift.files) == (DriftCode.OUTDATED, (BASE, DROP_IN))
    assert f"{BASE}: program differs" in drift.details
    assert "-ExecStart=/opt/hermes/venv/bin/python -m hermes_cli.main --profile coder gateway run" in drift.diff
    assert "+ExecStart=/new/bin/python -m hermes_cli.main --profile coder gateway run" in drift.diff


def test_a_drop_in_for_other_limits_is_outdated_and_the_unit_is_left_alone() -> None:
    drift = _unit(today=spec_of(limits=Limits(2**29, None)))
    assert (drift.code, drift.files) == (DriftCode.OUTDATED, (DROP_IN,))
    assert drift.details == (f"{DROP_IN}: MemoryMax differs", f"{DROP_IN}: OOMPolicy differs")
    assert "+MemoryMax=536870912" in drift.diff


def test_a_drop_in_with_other_variables_is_outdated_and_they_are_named_without_content() -> None:
    drift = _unit(spec=spec_of(variables=(("NODE_ENV", CANARY),)), today=spec_of())
    assert drift.code is DriftCode.OUTDATED and f"{DROP_IN}: NODE_ENV differs" in drift.details
    assert '-Environment="NODE_ENV=***"' in drift.diff and CANARY not in repr(drift)


def test_compare_ignores_comments_of_drop_in() -> None:
    def reworded(text: str) -> str:
        plain = re.sub(r"# mark: .*\n", "", text).replace("# Restart it", "# Start it again")
        return add_checksum(plain.encode()).decode()

    assert _unit(drop_in=reworded).code is DriftCode.SAME_MEANING


@pytest.mark.parametrize(
    "change",
    [
        _swap("Restart=always", "Restart=no"),
        _swap("# Restart it", "# restart it"),
        lambda text: text + "\n",
        lambda _: "",
    ],
)
def test_any_change_to_a_drop_in_is_a_hand_edit(change: Callable[[str], str]) -> None:
    drift = _unit(drop_in=change)
    assert (drift.code, drift.files) == (DriftCode.HAND_EDITED, (DROP_IN,))


def test_a_drop_in_that_is_not_ours_is_never_taken_for_ours() -> None:
    drift = _unit(drop_in=lambda _: "[Service]\nNice=5\n")
    assert (drift.code, drift.details) == (DriftCode.HAND_EDITED, (f"{DROP_IN}: was not written by hermes-profiles",))


def test_compare_unit_with_foreign_settings_is_hand_edit() -> None:
    drift = _unit(_swap("Restart=always", "Restart=no\nNice=5"))
    assert (drift.code, drift.files) == (DriftCode.HAND_EDITED, (BASE,))
    assert f"{BASE}: restart differs" in drift.details and f"{BASE}: Nice is not from Hermes" in drift.details
    assert "-Nice=5" in drift.diff and "-Restart=no" in drift.diff and "+Restart=always" in drift.diff


def test_an_edited_unit_that_our_drop_in_was_written_for_was_accepted() -> None:
    edited = UNIT.replace("Restart=always", "Restart=no").encode()
    spec = spec_of()
    installed = {BASE: edited, DROP_IN: render_drop_in(spec, base=edited)}
    assert compare(ManagerKind.SYSTEMD, installed, _wanted(spec), spec).code is DriftCode.OUTDATED


@pytest.mark.parametrize("where", ["base", "drop-in"])
def test_the_service_of_another_home_is_foreign(where: str) -> None:
    change = _swap("HERMES_HOME=/home/ada/.hermes/profiles/coder", "HERMES_HOME=/opt/data/profiles/coder")
    drift = _unit(change) if where == "base" else _unit(drop_in=change)
    assert drift.code is DriftCode.FOREIGN
    assert "belongs to /opt/data/profiles/coder, not to /home/ada/.hermes/profiles/coder" in drift.details[0]


def test_foreign_outweighs_everything_and_missing_outweighs_outdated() -> None:
    foreign = UNIT.replace("HERMES_HOME=/home/ada", "HERMES_HOME=/home/bob").encode()
    assert compare(ManagerKind.SYSTEMD, {BASE: foreign}, _wanted(spec_of()), spec_of()).code is DriftCode.FOREIGN
    old = UNIT.replace("/opt/hermes/venv/bin/python -m hermes_cli", "/gone/python -m hermes_cli").encode()
    drift = compare(ManagerKind.SYSTEMD, {BASE: old}, _wanted(spec_of()), spec_of())
    assert (drift.code, drift.files) == (DriftCode.MISSING, (BASE, DROP_IN))


# -- secrets


@pytest.mark.parametrize(
    "line",
    [
        f"Environment=SLACK_TOKEN={CANARY}",
        f'Environment="SLACK_TOKEN={CANARY}" "HOME=/home/ada"',
        f"Environment=A=1 \\\n  SLACK_TOKEN={CANARY}",
        f'Environment="SLACK_TOKEN={CANARY}',
        f"Environment={CANARY}",
        f"Environment={CANARY}=x",
        f"# was SLACK_TOKEN={CANARY}",
        f"; {CANARY}",
        f"ExecStart=/usr/bin/env SLACK_TOKEN={CANARY} /bin/x",
        f"ExecStartPre=/bin/x --token {CANARY}",
        f"ExecStartPre=/bin/x --token={CANARY}",
        f"ExecStart=SLACK_TOKEN={CANARY}",
        f"SetCredential=slack:{CANARY}",
        f"SLACK_TOKEN={CANARY}",
        f"{CANARY}=1",
        "Environment=q0FOvCANARY==",
        "q0FOvCANARY==",
        CANARY,
        f"[{CANARY}]",
        f" {CANARY} \\\n{CANARY}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["base", "drop-in"])
def test_no_hand_edit_shows_its_secret(line: str, where: str) -> None:
    change = _swap("Restart=always\n", f"Restart=no\n{line}\n")
    drift = _unit(change) if where == "base" else _unit(drop_in=change)
    assert drift.diff and "CANARY" not in repr(drift)


def test_the_diff_shows_which_variable_was_added_and_what_is_no_secret() -> None:
    drift = _unit(
        drop_in=_swap("\nRestart=always", f'\nEnvironment="PATH=/mine" "SLACK_TOKEN={CANARY}"\nRestart=always')
    )
    assert '-Environment="PATH=/mine" "SLACK_TOKEN=***"' in drift.diff
    shown = [line for line in drift.diff if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))]
    assert all("Environment" in line or "mark:" in line or "comment" in line for line in shown)


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
def test_no_text_added_to_a_unit_or_a_comment_reaches_the_diff(before: str, after: str) -> None:
    secret = f"{before}CANARY-12345{after}"
    installed = {
        BASE: UNIT.replace("Restart=always", f"Restart=no\nX-Mine={secret}\n# {secret}").encode(),
        DROP_IN: b"# " + secret.encode(),
    }
    drift = compare(ManagerKind.SYSTEMD, installed, _wanted(spec_of()), spec_of())
    assert drift.code in (DriftCode.HAND_EDITED, DriftCode.FOREIGN) and drift.diff
    assert "CANARY" not in repr(drift)


# -- launchd


def _agent(change: Callable[[dict[str, Any]], object] | None = None, today: ServiceSpec | None = None) -> Drift:
    job = parse_plist(render_plist(spec_of()))
    if change:
        change(job)
    content = plistlib.dumps(job, sort_keys=False)
    today = today or spec_of()
    return compare(ManagerKind.LAUNCHD, {PLIST: content}, [(PLIST, render_plist(today), 0o644)], today)


def test_an_agent_of_ours_is_the_same_or_missing() -> None:
    assert _agent() == Drift(DriftCode.SAME)
    wanted = [(PLIST, render_plist(spec_of()), 0o644)]
    assert compare(ManagerKind.LAUNCHD, {}, wanted, spec_of()).code is DriftCode.MISSING


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_compare_agent_rewritten_by_other_program_is_same(form: plistlib.PlistFormat) -> None:
    content = plistlib.dumps(parse_plist(render_plist(spec_of())), fmt=form, sort_keys=True)
    drift = compare(ManagerKind.LAUNCHD, {PLIST: content}, [(PLIST, render_plist(spec_of()), 0o644)], spec_of())
    assert (drift.code, drift.files, drift.diff) == (DriftCode.SAME_MEANING, (), ())


def test_an_agent_we_wrote_for_other_facts_is_outdated() -> None:
    drift = _agent(today=spec_of(drain=120))
    assert (drift.code, drift.details) == (DriftCode.OUTDATED, (f"{PLIST}: ExitTimeOut differs",))
    assert "-ExitTimeOut = 60" in drift.diff and "+ExitTimeOut = 150" in drift.diff


def test_a_changed_agent_is_a_hand_edit_and_hides_what_was_put_in() -> None:
    def edited(job: dict[str, Any]) -> None:
        job["EnvironmentVariables"]["SLACK_TOKEN"] = CANARY
        job["ProgramArguments"] += ["--token", CANARY]
        job["ProgramArguments"][2] = f"export SLACK_TOKEN={CANARY}\n" + job["ProgramArguments"][2]
        job["Nice"] = 5
        job[f"Mine-{CANARY}"] = {"a": CANARY}

    drift = _agent(edited)
    assert (drift.code, drift.files) == (DriftCode.HAND_EDITED, (PLIST,))
    assert "-EnvironmentVariables.SLACK_TOKEN = ***" in drift.diff and "-Nice = 5" in drift.diff
    assert "CANARY" not in repr(drift)


def test_an_agent_of_another_home_is_foreign() -> None:
    drift = _agent(lambda job: job["EnvironmentVariables"].update(HERMES_HOME="/opt/data/profiles/coder"))
    assert drift.code is DriftCode.FOREIGN


@pytest.mark.parametrize("content", [b"", b"nonsense " + CANARY.encode(), b"<plist><array/></plist>"])
def test_an_agent_that_cannot_be_read_is_not_overwritten(content: bytes) -> None:
    drift = compare(ManagerKind.LAUNCHD, {PLIST: content}, [(PLIST, render_plist(spec_of()), 0o644)], spec_of())
    assert drift.code is DriftCode.HAND_EDITED and "CANARY" not in repr(drift)


def test_an_agent_without_its_mark_is_not_taken_for_ours() -> None:
    assert _agent(lambda job: job.pop(MARK)).code is DriftCode.HAND_EDITED


def test_compare_agent_with_new_checksum_is_outdated() -> None:
    def marked(job: dict[str, Any]) -> None:
        job["ThrottleInterval"] = 10
        job[MARK] = plist_mark(job)

    assert _agent(marked).code is DriftCode.OUTDATED


@pytest.mark.judge
@pytest.mark.parametrize("folder", ["plain", "a&b", "two words", "<tag>"])
def test_what_hermes_installed_for_launchd_is_outdated_and_edited_it_is_not(tmp_path: Path, folder: str) -> None:
    home = (tmp_path / folder / "profiles/coder").resolve()
    home.mkdir(parents=True)
    script = "import json\nfrom hermes_cli.gateway import *\nprint(json.dumps(generate_launchd_plist()))"
    done = subprocess.run(
        [hermes_python(), "-c", script],
        capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HERMES_HOME": str(home)},
    )  # fmt: skip
    text = json.loads(done.stdout.splitlines()[-1])
    spec = spec_of(home, account_home=tmp_path.resolve())
    wanted = [(PLIST, render_plist(spec), 0o644)]

    def code(content: str, of: ServiceSpec = spec) -> DriftCode:
        return compare(ManagerKind.LAUNCHD, {PLIST: content.encode()}, wanted, of).code

    assert code(text) is DriftCode.OUTDATED
    assert code(text, spec_of(Path("/srv/other"))) is DriftCode.FOREIGN
    if folder in ("plain", "two words"):  # an unreadable file has no content to lose
        assert code(text.replace("<integer>30<", "<integer>5<")) is DriftCode.HAND_EDITED
        assert code(
            text.replace("<key>RunAtLoad</key>", "<key>Nice</key><integer>5</integer><key>RunAtLoad</key>")
        ) is (DriftCode.HAND_EDITED)


# -- supervisord


def test_a_program_of_supervisord_is_judged_by_its_mark_and_its_home() -> None:
    text = (
        "; ours\n[program:hermes-gateway-coder]\ncommand=/bin/sh -c 'x' run\nautostart=false\n"
        'environment=HERMES_HOME="/home/ada/.hermes/profiles/coder",PATH="/usr/bin"\n'
    )

    def drift(installed: bytes, wanted: str = text) -> Drift:
        ours = [(PROGRAM, add_checksum(wanted.encode(), comment=";"), 0o644)]
        return compare(ManagerKind.SUPERVISOR, {PROGRAM: installed}, ours, spec_of())

    marked = add_checksum(text.encode(), comment=";")
    assert drift(marked).code is DriftCode.SAME
    assert drift(marked, text.replace("false", "true")).code is DriftCode.OUTDATED
    assert drift(marked, text.replace('PATH="/usr/bin"', 'PATH="/new:/usr/bin:/more"')).code is DriftCode.SAME_MEANING
    assert drift(marked, text.replace('PATH="/usr/bin"', 'PATH="/new"')).code is DriftCode.OUTDATED
    assert drift(add_checksum(text.replace("; ours", "; other").encode(), comment=";")).code is DriftCode.SAME_MEANING
    edited = marked.replace(b',PATH="', f',SLACK_TOKEN="{CANARY}",PATH="'.encode()).replace(
        b"run\n", b"run --token " + CANARY.encode() + b"\n"
    )
    found = drift(edited)
    assert found.code is DriftCode.HAND_EDITED and "CANARY" not in repr(found)
    assert any("SLACK_TOKEN=***" in line for line in found.diff)
    assert drift(marked.replace(b'"/home/ada', b'"/home/bob')).code is DriftCode.FOREIGN


VAULTS = (
    "/usr/bin/op run --env-file=/home/ada/.op.env -- ",
    "/usr/local/bin/doppler run -- ",
    "/usr/bin/infisical run --env=prod -- ",
    "/usr/bin/env OPENAI_API_KEY=x ",
    "/opt/my/wrapper ",
)


@pytest.mark.parametrize("vault", [*VAULTS, "/usr/bin/sops exec-env /home/ada/keys.enc.yaml '"])
def test_command_of_the_user_in_front_of_hermes_is_a_hand_edit(vault: str) -> None:
    end = "gateway run'\n" if vault.endswith("'") else "gateway run\n"
    base = render_unit(spec_of()).decode()
    edited = re.sub("(?m)^ExecStart=(.*)gateway run\n", lambda m: f"ExecStart={vault}{m[1]}{end}", base)
    assert edited != base
    for drop_in in (None, render_drop_in(spec_of(), base=base.encode())):
        installed = {BASE: edited.encode(), **({DROP_IN: drop_in} if drop_in is not None else {})}
        found = compare(ManagerKind.SYSTEMD, installed, _wanted(spec_of()), spec_of())
        assert found.code is DriftCode.HAND_EDITED and any("ExecStart" in detail for detail in found.details)
        assert found.diff and "OPENAI_API_KEY=x" not in str(found)


def test_variable_of_the_user_in_the_unit_is_a_hand_edit() -> None:
    found = _unit(base=_swap("Restart=always\n", 'Environment="HTTPS_PROXY=http://x:1"\nRestart=always\n'))
    assert found.code is DriftCode.HAND_EDITED and "HTTPS_PROXY" in str(found.details)


@pytest.mark.parametrize("vault", VAULTS)
def test_agent_of_hermes_behind_a_command_of_the_user_is_a_hand_edit(vault: str) -> None:
    def written_by_hermes(job: dict[str, Any], *front: str) -> None:
        job.pop(MARK)
        variables = {name: text for name, text in spec_of().environment if name in ("PATH", "HERMES_HOME")}
        words = [*front, *spec_of().hermes_command]
        job |= {"ProgramArguments": words, "KeepAlive": True, "EnvironmentVariables": variables}

    assert _agent(written_by_hermes).code is DriftCode.OUTDATED
    assert _agent(lambda job: written_by_hermes(job, *vault.split())).code is DriftCode.HAND_EDITED


def test_folder_that_joined_path_is_no_difference() -> None:
    def path(change: Callable[[list[str]], list[str]]) -> Callable[[dict[str, Any]], None]:
        def changed(job: dict[str, Any]) -> None:
            folders = job["EnvironmentVariables"]["PATH"].split(":")
            job["EnvironmentVariables"]["PATH"] = ":".join(change(folders))
            job[MARK] = plist_mark(job)

        return changed

    assert _agent(path(lambda folders: folders[1:])).code is DriftCode.SAME_MEANING
    assert _agent(path(lambda folders: ["/gone", *folders])).code is DriftCode.OUTDATED
    assert _agent(path(lambda folders: folders[::-1])).code is DriftCode.OUTDATED
