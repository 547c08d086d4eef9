"""The transport: quoting for the remote shell, standard input, silence, limits; with a stand-in `ssh`."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from command_runner import Runner
from place_hosts import PlaceHosts

from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind
from hermes_profiles.places.transport import PlaceSilent, PlaceStream, control_socket, place_words, run_in_place

VPS = Place("vps", PlaceKind.SSH, host="ada@vps")


@pytest.fixture
def hosts(runner: Runner) -> PlaceHosts:
    hosts = PlaceHosts(runner)
    hosts.host("vps")
    return hosts


ODD = ["", "a b", "$(id)", "`id`", "'", '"', "\\", "*", "~", ";", "a\nb", "-n", "--", "é"]


@pytest.mark.parametrize("place", [VPS, VPS._replace(root="/srv/a b;c")])
def test_words_arrive_as_they_were_given_through_a_shell(hosts: PlaceHosts, place: Place) -> None:
    printed = run_in_place(place, ["printf", "<%s>", *ODD], hosts.runner.environment)
    assert (printed.code, printed.out.decode()) == (0, "".join(f"<{word}>" for word in ODD))


def test_root_of_the_place_is_the_home_of_hermes_there(hosts: PlaceHosts) -> None:
    printed = run_in_place(
        VPS._replace(root="/srv/a b"), ["printenv", "HERMES_HOME"], {**hosts.runner.environment, "HERMES_HOME": "/x"}
    )
    assert printed.out == b"/srv/a b\n"


def test_typed_text_is_no_argument(hosts: PlaceHosts) -> None:
    assert run_in_place(VPS, ["cat"], hosts.runner.environment, typed=b"CANARY").out == b"CANARY"
    assert "CANARY" not in "".join(hosts.arguments)


def test_exit_code_and_error_output_of_the_command_are_kept(hosts: PlaceHosts) -> None:
    ended = run_in_place(VPS, ["sh", "-c", "echo no >&2; exit 3"], hosts.runner.environment)
    assert (ended.code, ended.err) == (3, "no\n")


def test_refusing_host_is_silent_with_what_ssh_said(hosts: PlaceHosts) -> None:
    (hosts.folder / "vps/refuse").touch()
    with pytest.raises(PlaceSilent, match="Connection refused") as caught:
        run_in_place(VPS, ["true"], hosts.runner.environment)
    assert int(caught.value.exit_code) == 4 and "ssh ada@vps true" in str(caught.value.problem.hint)


def test_hanging_host_is_silent_after_the_limit_and_its_client_is_gone(hosts: PlaceHosts) -> None:
    (hosts.folder / "vps/hang").touch()
    begin = time.monotonic()
    with pytest.raises(PlaceSilent, match=r"within 0\.3 s"):
        run_in_place(VPS, ["true"], hosts.runner.environment, limit=0.3)
    assert time.monotonic() - begin < 30
    left = subprocess.run(["pgrep", "-f", str(hosts.bin / "ssh")], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def test_missing_program_and_missing_client_are_named(hosts: PlaceHosts) -> None:
    with pytest.raises(PlaceSilent) as caught:
        run_in_place(VPS, ["no-such-program"], hosts.runner.environment)
    assert caught.value.problem.code == "no-program-there"
    with pytest.raises(PlaceSilent) as caught:
        run_in_place(VPS, ["true"], {**hosts.runner.environment, "PATH": "/nowhere"})
    assert caught.value.problem.code == "no-client"


def test_stream_has_pipes_and_an_exit_code(hosts: PlaceHosts) -> None:
    with PlaceStream(VPS, ["cat"], hosts.runner.environment) as stream:
        stream.stdin.write(b"x" * 30_000)
        stream.stdin.close()
        assert len(stream.stdout.read()) == 30_000
        stream.process.stdin = None
        assert stream.finish().code == 0
    assert "ControlPath=none" in hosts.arguments


def test_local_place_runs_our_programs_with_this_python(runner: Runner) -> None:
    place = Place("local", PlaceKind.LOCAL, root=str(runner.user_home / ".hermes"))
    ended = run_in_place(place, ["hermes-gateways", "--version"], runner.environment)
    assert ended.out.startswith(b"hermes-gateways ")


def test_words_of_kubernetes_are_no_text_of_a_shell() -> None:
    place = Place("prod", PlaceKind.KUBERNETES, kubernetes=KubernetesTarget("agents", "family", "c"), root="/opt/data")
    words = place_words(place, ["hermes-gateways", "stop", "a b"])
    assert words[:9] == ["kubectl", "--context", "c", "-n", "agents", "exec", "-i", "family-0", "--"]
    assert words[-5:] == ["env", "HERMES_HOME=/opt/data", "hermes-gateways", "stop", "a b"]


def test_socket_of_the_connection_is_short_private_and_differs_by_host(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    first, second = control_socket(VPS, environment), control_socket(VPS._replace(host="two"), environment)
    assert first is not None and first != second and len(first) < 104
    assert (os.stat(os.path.dirname(first)).st_mode & 0o777, os.stat(os.path.dirname(first)).st_uid) == (
        0o700,
        os.getuid(),
    )
    assert f"ControlPath={first}" in place_words(VPS, ["true"], control=first)
    assert shlex.split(place_words(VPS, ["a b"])[-1])[-1] == "a b"
