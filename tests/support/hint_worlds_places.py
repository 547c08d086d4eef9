"""Hosts and clusters with a fault, reached by stand-ins of `ssh` and `kubectl`, and images of a pod."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from doctor_root import DoctorRoot
from hint_worlds_profiles import TELEGRAM_LINE
from kubernetes_pods import KubernetesPods
from place_hosts import PlaceHosts

from hermes_profiles import __version__
from hermes_profiles.model.errors import Problem
from hermes_profiles.operations.places import check_places
from hermes_profiles.places.facts import PlaceFacts
from hermes_profiles.places.model import Place, PlaceKind

VPS = Place("vps", PlaceKind.SSH, host="ada@vps")
FACTS = PlaceFacts(__version__, "0.19.0", 0.0, "+0000", "/srv/my root", "ext4", True, "systemd", True, "", (), 0.0)
# A program of a host that installs another one, as pipx does.
_PIPX = '#!/bin/sh\ncp "$HOME/new/hermes-gateways" "$HOME/bin/hermes-gateways"\n'


def hosts(world: DoctorRoot) -> PlaceHosts:
    """Add a host as the place `vps`. Its `pipx` puts our programs there."""
    found = PlaceHosts(world.runner)
    folder = found.host("vps")
    done = world.runner.gateways("place", "add", "vps", "--ssh", "ada@vps")
    assert done.code == 0, done
    (folder / "new").mkdir()
    (folder / "new/hermes-gateways").write_bytes((folder / "bin/hermes-gateways").read_bytes())
    (folder / "new/hermes-gateways").chmod(0o755)
    (folder / "bin/pipx").write_text(_PIPX)
    (folder / "bin/pipx").chmod(0o755)
    return found


def host_that_prints_more(world: DoctorRoot) -> None:
    (hosts(world).folder / "vps/garbage").write_text('{"half": ')


def host_of_another_version(world: DoctorRoot) -> None:
    program = hosts(world).folder / "vps/bin/hermes-gateways"
    program.write_text(program.read_text().replace("exec ", "").rstrip() + f" | sed s/{__version__}/0.0.9/g\n")


def host_that_is_years_old(world: DoctorRoot) -> None:
    answers = '[ "$1" = --version ] && echo hermes-gateways 0.0.9 || { echo no such option >&2; exit 2; }'
    (hosts(world).folder / "vps/bin/hermes-gateways").write_text(f"#!/bin/sh\n{answers}\n")


def host_without_the_program(world: DoctorRoot) -> None:
    (hosts(world).folder / "vps/bin/hermes-gateways").unlink()


def host_without_ssh(world: DoctorRoot) -> None:
    hosts(world)
    world.environment.update(PATH="/nowhere")


def host_of_another_fleet(world: DoctorRoot) -> None:
    key = hosts(world).host("three") / ".hermes/profiles/.hermes-profiles/fleet.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"x" * 32)


def damaged_key_of_the_fleet(world: DoctorRoot) -> None:
    hosts(world)
    (world.user / ".config/hermes-profiles/fleet.key").write_bytes(b"x")


# --- what a host says about itself ---


def _faults(facts: PlaceFacts) -> Iterator[Problem]:
    return check_places._faults(VPS, facts, "")


def a_clock_that_is_wrong(_: DoctorRoot) -> Iterator[Problem]:
    return _faults(FACTS._replace(offset=90.0))


def a_root_on_a_share(_: DoctorRoot) -> Iterator[Problem]:
    return _faults(FACTS._replace(is_fit=False, file_system="nfs4"))


def services_that_end_with_the_session_there(_: DoctorRoot) -> Iterator[Problem]:
    return _faults(FACTS._replace(linger=False))


def a_host_without_hermes(_: DoctorRoot) -> Iterator[Problem]:
    return _faults(FACTS._replace(hermes_version=""))


# --- clusters ---


def pods(world: DoctorRoot) -> KubernetesPods:
    """Add a pod with a bot as the place `prod`."""
    found = KubernetesPods(world.runner)
    home = found.folder / "home/.hermes"
    (home / "config.yaml").write_text("platforms:\n  telegram:\n    enabled: true\n")
    (home / ".env").write_text(TELEGRAM_LINE)
    places = world.user / ".config/hermes-profiles/places.toml"
    places.parent.mkdir(parents=True)
    places.write_text('[prod]\nkubernetes = { namespace = "bots", name = "family" }\n')
    return found


def two_replicas(world: DoctorRoot) -> None:
    pods(world).state({"phase": "Running"}, replicas=2)


def rights_that_are_missing(world: DoctorRoot) -> None:
    (pods(world).folder / "forbidden").touch()


def loader_of_another_move(world: DoctorRoot) -> None:
    noted = {"hermes-profiles.io/move": "server:/root/.hermes"}
    loader = {"kind": "Pod", "metadata": {"name": "family-loader", "annotations": noted}}
    found = pods(world)
    (found.folder / "loader.json").write_text(json.dumps(loader | {"status": {"phase": "Running"}}))


def bot_of_another_place(world: DoctorRoot) -> None:
    found, run = pods(world), world.runner.gateways
    for words in (("share-key", "prod"), ("claim", "prod")):
        done = run("place", *words)
        assert done.code == 0, done
    (claim,) = (found.folder / "configmaps").iterdir()
    document = json.loads(claim.read_text())
    document["data"]["owner"] = document["metadata"]["labels"]["hermes-profiles.io/owner"] = "old"
    claim.write_text(json.dumps(document))


# --- images of a pod ---


def file_for_the_folder(world: DoctorRoot) -> None:
    (world.user / "out").write_text("")


def zone_without_a_name(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("hermes_profiles.operations.places.render_kubernetes.local_time_zone", lambda _: None)


def group_of_one(world: DoctorRoot) -> None:
    assert world.runner.gateways("group", "small", "work").code == 0
