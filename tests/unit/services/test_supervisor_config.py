"""What is written for supervisord is what supervisord reads, and what the gateway is given."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_readers import supervisor_program
from supervisor.options import ServerOptions

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.services.checksum import checksum_matches
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.spec import Limits, Program, ServiceSpec
from hermes_profiles.services.supervisor.render import (
    Delays,
    inherited_of,
    log_of,
    render_daemon,
    render_program,
    unsupported_options,
)

AWKWARD = "a b;c ;d #e %(here)s 100% '\"\\ $HOME & `x` <é> 家\u00a0;\u2028"


def _spec(home: Path, **changed: Any) -> ServiceSpec:
    spec = ServiceSpec(
        "work", home, home.parent, ServiceName("work", "work"),
        Program("/usr/bin/python3", "/opt/venv", ("/usr/bin", "/bin")), "somebody",
        Path("/home/somebody"), Path("/overlays/work"), (), Path("/tmp") / "service.log",
    )  # fmt: skip
    return spec._replace(**changed)


# Characters that mean something to supervisord, to a shell or to Python's reader, and some that do not.
_TEXTS = st.text(
    st.one_of(
        st.sampled_from(list(" ;#%()'\"\\$&`<>=:,[]{}!~*?\u00a0\u2028\u3000é家\U0001f600as")),
        st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="/"),
    ),
    min_size=1, max_size=24,
).filter(lambda text: text not in (".", ".."))  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(home=_TEXTS, log=_TEXTS, python=_TEXTS, text=_TEXTS, before=_TEXTS)
def test_supervisord_reads_back_every_path_and_word(home: str, log: str, python: str, text: str, before: str) -> None:
    spec = _spec(
        Path("/srv") / home, log=Path("/tmp") / log, program=Program(f"/opt/{python}", None, ("/usr/bin",)),
        variables=(("EXTRA", text),), prestart=("refresh", before),
    )  # fmt: skip
    content = render_program(spec)
    program = supervisor_program(content)
    assert program.name == "hermes-gateway-work"
    assert program.directory == f"/srv/{home}"
    assert program.stdout_logfile == log_of(content) == f"/tmp/{log}"
    words = shlex.split(program.command)
    assert words[:2] == ["/bin/sh", "-c"] and tuple(words[4:]) == spec.pinned_command
    assert shlex.join(spec.prestart) + "; exec " in words[2]
    assert checksum_matches(content)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(home=_TEXTS, text=_TEXTS, path=_TEXTS, before=_TEXTS)
def test_the_gateway_is_given_every_byte(tmp_path: Path, home: str, text: str, path: str, before: str) -> None:
    shown = tmp_path / "show me"
    if not shown.exists():
        shown.write_text('#!/bin/sh\nprintf "%s\\0" "$@" END\nenv -0\n')
        shown.chmod(0o755)
    prestart = ("/bin/sh", "-c", 'printf "%s" "$1" >"$2"', "refresh", before, str(tmp_path / "overlay"))
    spec = _spec(
        Path("/srv") / home, program=Program(str(shown), None, ("/usr/bin", "/bin", f"/{path}")),
        variables=(("EXTRA", text),), prestart=prestart,
    )  # fmt: skip
    program = supervisor_program(render_program(spec))
    given_by_daemon = {"TELEGRAM_BOT_TOKEN": "foreign", "SUPERVISOR_ENABLED": "1", "LANG": "C.UTF-8"}
    done = subprocess.run(
        shlex.split(program.command), env=given_by_daemon | program.environment, capture_output=True, check=True
    )
    words, _, variables = done.stdout.partition(b"END\0")
    assert words.decode() == "-m\0hermes_cli.main\0-p\0work\0gateway\0run\0"
    found = dict(each.split("=", 1) for each in variables.decode().split("\0") if each)
    found.pop("PWD", None)  # the shell's own
    expected = dict(spec.environment) | {"LANG": "C.UTF-8", "HERMES_GATEWAY_EXTERNAL_SUPERVISOR": "1"}
    assert {name: found.get(name) for name in found.keys() | expected.keys()} == expected
    assert (tmp_path / "overlay").read_text() == before


def test_the_rules_of_a_gateway_stand_in_its_file(tmp_path: Path) -> None:
    program = supervisor_program(render_program(_spec(tmp_path / AWKWARD, drain=90)))
    assert program.directory == str(tmp_path / AWKWARD)
    assert (program.autostart, program.startsecs, program.exitcodes) == (False, 0, [0, 78])
    assert (program.stopsignal, program.stopwaitsecs) == (15, 120)
    assert (program.stopasgroup, program.killasgroup, program.redirect_stderr) == (False, True, True)
    assert program.umask == 0o022 and program.stdout_logfile_maxbytes == 10 << 20
    assert program.environment["HERMES_GATEWAY_EXTERNAL_SUPERVISOR"] == "1"
    assert program.environment["VIRTUAL_ENV"] == "/opt/venv"


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b", "\x85", "\udcff"])
@pytest.mark.parametrize("field", ["home", "log", "variables", "prestart", "program"])
def test_what_no_line_can_hold_is_refused(character: str, field: str) -> None:
    bad = f"/srv/a{character}b"
    wrong: dict[str, Any] = {
        "home": Path(bad), "log": Path(bad), "variables": (("EXTRA", bad),), "prestart": (bad,),
        "program": Program(bad, None, ()),
    }  # fmt: skip
    with pytest.raises(UsageProblem, match="character"):
        render_program(_spec(Path("/srv/home"))._replace(**{field: wrong[field]}))


@pytest.mark.parametrize("changed", [{"variables": (("A B", "x"),)}, {"inherited": ("A;rm",)}, {"inherited": ("*",)}])
def test_what_is_no_name_of_a_variable_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageProblem, match="not a valid name"):
        render_program(_spec(Path("/srv/home"), **changed))


def test_inherited_names_are_read_back_and_kept_by_the_gateway() -> None:
    content = render_program(_spec(Path("/srv/home"), inherited=("OPENAI_API_KEY", "AWS_*")))
    assert inherited_of(content) == ("OPENAI_API_KEY", "AWS_*")
    assert "|OPENAI_API_KEY|AWS_*)" in supervisor_program(content).command
    assert inherited_of(b"nothing") == () and log_of(b"nothing") is None


def test_unsupported_options_of_supervisord_are_listed() -> None:
    assert unsupported_options(_spec(Path("/srv"))) == ()
    said = unsupported_options(_spec(Path("/srv"), limits=Limits(1 << 30, 50), watchdog=30))
    assert [word in line for word, line in zip(("memory", "CPU", "watchdog"), said, strict=True)] == [True] * 3


def test_the_daemon_listens_on_a_private_socket_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / AWKWARD
    folder.mkdir()
    socket = folder / " ;x.sock"
    (folder / "supervisord.conf").write_bytes(render_daemon(socket, Delays(0.5, 8, 20)))
    options = ServerOptions()
    options.realize(["-c", str(folder / "supervisord.conf")])
    (server,) = options.server_configs
    assert (server["file"], server["chmod"]) == (str(socket), 0o600)
    assert os.path.dirname(options.logfile) == os.path.dirname(options.pidfile) == str(folder)
    assert (options.nodaemon, options.umask, options.directory, options.nocleanup) == (False, 0o077, "/", True)
    (_, _, standard), (name, _, delays) = options.rpcinterface_factories
    assert standard == {} and name == "fleet"
    assert delays == {"first_delay": "0.5", "longest_delay": "8", "settled_after": "20"}
