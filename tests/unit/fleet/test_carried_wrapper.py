"""A vault in a drop-in of the user: carried where that is safe, else left out as before."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_specs import spec_of

from hermes_profiles.fleet.carried_wrapper import carried_wrapper
from hermes_profiles.services.spec import Wrapper
from hermes_profiles.services.systemd.render import render_drop_in
from hermes_profiles.services.systemd.user_drop_ins import UserDropIns, read_user_drop_ins

OURS = b"[Service]\nExecStart=\nExecStart=/bin/sh\n"
RUN = "/usr/bin/python3 -m hermes_cli.main --profile work gateway run"


def wrapper(tmp_path: Path, command: str, name: str = "10-vault.conf", watchdog: int = 0) -> Wrapper | None:
    unit = tmp_path / "hermes-gateway-work.service"
    folder = unit.with_name(unit.name + ".d")
    folder.mkdir()
    (folder / name).write_text(f"[Service]\nExecStart=\nExecStart={command}\n")
    found = carried_wrapper(read_user_drop_ins(unit, tmp_path, OURS), "work", watchdog)
    assert found is None or found.path == folder / name
    return found.wrapper if found is not None else None


@pytest.mark.parametrize(
    ("front", "command"),
    [
        ("/usr/bin/doppler run --", RUN),
        ("/usr/bin/doppler run --project 'a b' --", "/usr/bin/hermes gateway run"),
        ("/usr/bin/chamber exec hermes --", "/opt/h/bin/hermes -p work gateway run --replace"),
        ("/usr/bin/envdir /etc/keys", RUN),
        ("/usr/bin/env A=1", RUN),
    ],
)
def test_vault_that_passes_signals_on_is_carried(front: str, command: str, tmp_path: Path) -> None:
    found = wrapper(tmp_path, f"{front} {command}")
    assert found is not None and " ".join(found.words) == front.replace("'", "")
    assert found.around(("python", "gateway")) == (*found.words, "python", "gateway")


def test_vault_that_takes_a_command_for_a_shell_gets_one_word(tmp_path: Path) -> None:
    found = wrapper(tmp_path, f"/usr/bin/sops exec-env --same-process /k.yaml '{RUN}'")
    assert found is not None
    assert found.around(("/a b/python", "run")) == (*found.words, "exec '/a b/python' run")


@pytest.mark.parametrize(
    "command",
    [
        f"/usr/bin/op run -- {RUN}",  # not known to pass signals on
        f"/usr/bin/sops exec-env /k.yaml '{RUN}'",  # dies of a signal alone
        f"doppler run -- {RUN}",  # our PATH may lack it
        f"/usr/bin/doppler run --token $TOKEN -- {RUN}",
        f"/usr/bin/doppler run --config %i -- {RUN}",
        "/usr/bin/doppler run -- /usr/bin/python3 -m hermes_cli.main --profile other gateway run",
        "/usr/bin/doppler run -- /usr/bin/hermes chat",
        f"/usr/bin/doppler run -- /usr/bin/op run -- {RUN}",
        f"/usr/bin/doppler run -- /bin/sh -c '{RUN}'",
        f"/usr/bin/ssh host {RUN}",
        RUN,
        "/usr/bin/doppler run -- 'open",
    ],
)
def test_other_command_is_not_carried(command: str, tmp_path: Path) -> None:
    assert wrapper(tmp_path, command) is None


def test_vault_that_stays_in_front_is_not_carried_with_a_watchdog(tmp_path: Path) -> None:
    assert wrapper(tmp_path, f"/usr/bin/doppler run -- {RUN}", watchdog=60) is None


def test_drop_in_that_replaces_ours_is_not_carried(tmp_path: Path) -> None:
    assert wrapper(tmp_path, f"/usr/bin/doppler run -- {RUN}", name="override.conf") is None


def test_nothing_is_carried_without_a_drop_in() -> None:
    assert carried_wrapper(UserDropIns(), "work", 0) is None


def test_gateway_is_started_behind_the_shell_and_its_own_pid_is_told_of_a_stop() -> None:
    plain = spec_of()
    carried = plain._replace(wrapper=Wrapper(("/usr/bin/doppler", "run", "--")))
    command = carried.cleaned_command
    assert command[:2] == ("/bin/sh", "-c") and 'exec "$@"' in command[2]  # it unsets variables before the vault
    assert command[4:] == ("/usr/bin/doppler", "run", "--", *plain.pinned_command)
    stops = {
        spec: next(line for line in render_drop_in(spec, base=b"").decode().splitlines() if line[:9] == "ExecStop=")
        for spec in (plain, carried)
    }
    assert "gateway.pid" in stops[carried] and "gateway.pid" not in stops[plain]
