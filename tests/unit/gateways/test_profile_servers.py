"""Profiles that the gateway of another profile serves: the host record, and what a profile says about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from observed_root import NOW, Root, status

from hermes_profiles.gateways.host.servers import servers_of
from hermes_profiles.gateways.model import GatewayFacts, GatewayState
from hermes_profiles.gateways.observe import ObservationHints, observe_one, survey
from hermes_profiles.hermes.version import BASE, facts_of
from hermes_profiles.services.manager import Activity

S = GatewayState
NEWEST = facts_of((0, 22, 2))


@pytest.fixture
def root(isolated: Path) -> Root:
    made = Root(isolated, "default", "ops", "work")
    made.uses(NEWEST)
    return made


def observed(root: Root, profile: str) -> GatewayFacts:
    found = observe_one(root.world, profile).observation
    assert found is not None
    return found


def test_named_owner_of_the_host_record_serves_the_others(root: Root) -> None:
    root.runs("work", 42, served_profiles=["default", "ops", "work"])
    root.publishes(42, root.home("work"), "default", "ops", "work")
    root.manager.statuses = {"work": status(pid=42)}
    found = survey(root.world, root.profiles)
    assert {name: (each.state, each.pid) for name, each in found.items()} == {
        "default": (S.SERVED, 42),
        "ops": (S.SERVED, 42),
        "work": (S.RUNNING, 42),
    }
    assert found["default"].detail == "served by work (PID 42)"
    assert [observed(root, name).server for name in root.profiles] == ["work", "work", "default"]
    assert servers_of(root.world, root.profiles) == {"default": "work", "ops": "work"}


def test_named_gateway_without_the_host_record_serves_what_it_wrote(root: Root) -> None:
    """Hermes 0.22.2 starts beside the gateway of another root, which keeps the host record."""
    root.runs("work", 42, served_profiles=["default", "ops", "work"])
    root.table.add(77, HERMES_HOME="/srv/other")
    root.publishes(77, "/srv/other", "default", "ops")
    assert root.states() == {"default": "served", "ops": "served", "work": "unsupervised"}


def test_gateway_of_another_root_serves_no_profile_here(root: Root) -> None:
    root.table.add(77, HERMES_HOME="/srv/other")
    root.publishes(77, "/srv/other", "default", "ops", "work")
    assert set(root.states().values()) == {"stopped"}


@pytest.mark.parametrize("why", ["gone", "reused", "other program"])
def test_dead_host_record_serves_nothing(root: Root, why: str) -> None:
    root.publishes(42, root.home("work"), "default", "ops", "work")
    if why == "reused":
        root.table.add(42, started=2000.0)
    elif why == "other program":
        root.table.add(42, "vim", "gateway")
    assert set(root.states().values()) == {"stopped"}


def test_list_of_the_host_record_outranks_an_older_list(root: Root) -> None:
    root.runs("default", 9, served_profiles=["default", "ops", "work"])
    root.publishes(9, root.home("default"), "default", "ops")
    assert root.states() == {"default": "unsupervised", "ops": "served", "work": "stopped"}


def test_switched_off_variable_counts_for_old_releases_only(root: Root) -> None:
    root.runs("default", 9, served_profiles=["default", "work"])
    root.write("default", ".env", "GATEWAY_MULTIPLEX_PROFILES=false\n")
    root.write("default", "config.yaml", "{}\n")
    assert root.states()["work"] == "served"
    root.uses(BASE)
    assert root.states()["work"] == "stopped"


def test_parked_and_standalone_are_read_where_hermes_knows_them(root: Root) -> None:
    root.write("work", "gateway.parked", "")
    root.write("ops", "config.yaml", "gateway:\n  standalone: true\n")
    root.write("default", "gateway.parked", "")
    root.write("default", "config.yaml", "gateway:\n  standalone: true\n")
    seen = {name: (observed(root, name).parked, observed(root, name).standalone) for name in root.profiles}
    assert seen == {"default": (False, False), "ops": (False, True), "work": (True, False)}
    root.uses(BASE)
    assert not observed(root, "work").parked and not observed(root, "ops").standalone


# -- channels


def written(**states: str) -> dict[str, dict[str, str]]:
    """Return channel records; `a__telegram` is `a:telegram`."""
    message = "Profile 'default' and 'ops' both configure telegram with the same credential."
    return {
        name.replace("__", ":"): {"state": state, "error_message": message if state == "fatal" else ""}
        for name, state in states.items()
    }


def rows(root: Root, **channels: tuple[str, ...]) -> dict[str, list[tuple[str, str]]]:
    found = survey(root.world, root.profiles, ObservationHints(channels=channels))
    return {name: [(each.name, each.state) for each in gateway.channels] for name, gateway in found.items()}


def test_channels_of_a_served_profile_are_in_its_own_row(root: Root) -> None:
    platforms = written(telegram="connected", ops__telegram="fatal", work__telegram="retrying", gone__telegram="fatal")
    root.runs("default", 9, served_profiles=["default", "ops", "work"], platforms=platforms)
    root.manager.statuses = {"default": status(pid=9)}
    assert rows(root) == {
        "default": [("telegram", "connected")],
        "ops": [("telegram", "fatal")],
        "work": [("telegram", "retrying")],
    }
    found = survey(root.world, root.profiles)
    assert found["default"].state is S.RUNNING  # the channel of another profile does not degrade it
    assert found["ops"].state is S.SERVED
    assert found["ops"].detail == (
        "served by default (PID 9); telegram fatal: Profile 'default' and 'ops' both configure telegram with the same "
        "credential."
    )


def test_named_server_reports_default_without_a_prefix(root: Root) -> None:
    platforms = written(telegram="connected", work__slack="connected", ops__telegram="fatal")
    root.runs("work", 42, served_profiles=["default", "ops", "work"], platforms=platforms)
    root.publishes(42, root.home("work"), "default", "ops", "work")
    assert rows(root) == {
        "default": [("telegram", "connected")],
        "ops": [("telegram", "fatal")],
        "work": [("slack", "connected")],
    }


def test_records_of_an_earlier_server_are_left_out(root: Root) -> None:
    platforms = {"ops:telegram": {"state": "fatal", "updated_at": "2020-01-01T00:00:00+00:00"}}
    root.runs("default", 9, served_profiles=["default", "ops", "work"], platforms=platforms)
    assert rows(root, ops=("telegram",))["ops"] == [("telegram", "unknown")]
    root.uses(BASE)
    assert rows(root, ops=("telegram",))["ops"] == [("telegram", "served")]


def test_unknown_fields_of_a_state_file_are_ignored(root: Root) -> None:
    entry = {"state": "connected", "retrying_since": 7, "ingress_url": None, "metrics": {"x": [1]}, "writer_pid": "?"}
    more = {"active_work": {}, "code_sha": None, "multiplex_standalone_reason": 7, "later": [[]]}
    root.runs(
        "default", 9, served_profiles=["default", 7, "ops"], platforms={"ops:telegram": entry, ":": entry}, **more
    )
    assert rows(root)["ops"] == [("telegram", "connected")]


def test_listener_of_default_serves_others_only_where_they_enable_it(root: Root) -> None:
    listener = {"state": "connected", "listener_base": "http://127.0.0.1:8642"}
    root.runs("default", 9, served_profiles=["default", "ops", "work"], platforms={"api_server": listener})
    assert rows(root, ops=("api_server",)) == {
        "default": [("api_server", "connected")],
        "ops": [("api_server", "connected")],
        "work": [],
    }
    root.runs("default", 9, served_profiles=["default", "ops", "work"])
    assert rows(root, ops=("api_server",))["ops"] == [("api_server", "off")]


# -- profiles that no gateway serves


def states(root: Root) -> dict[str, tuple[S, str, bool]]:
    found = survey(root.world, root.profiles)
    return {name: (each.state, each.detail, each.unserved) for name, each in found.items()}


def served(root: Root, *profiles: str, old: bool = True) -> None:
    root.runs("default", 9, served_profiles=["default", *profiles])
    root.manager.statuses = {"default": status(pid=9)}
    if old:
        for name in root.profiles:
            root.write(name, "SOUL.md", "")
            for path in (root.layout.home(name) / "SOUL.md", root.layout.home(name)):
                os.utime(path, (NOW - 3600, NOW - 3600))


def test_profile_that_the_live_server_leaves_out_is_named(root: Root) -> None:
    served(root, "ops")
    assert states(root)["work"] == (S.STOPPED, "the gateway of default (PID 9) does not serve it", True)
    root.uses(BASE)
    assert states(root)["work"] == (S.STOPPED, "", False)


def test_new_profile_is_expected(root: Root) -> None:
    served(root, "ops")
    os.utime(root.layout.home("work"), (NOW - 5, NOW - 5))
    wanted = "the gateway of default (PID 9) takes new profiles in within 30 s"
    assert states(root)["work"] == (S.STARTING, wanted, False)


def test_starting_server_leaves_the_others_open(root: Root) -> None:
    root.runs("default", 9, state="starting")
    root.publishes(9, root.home("default"))
    root.write("work", "SOUL.md", "")
    assert states(root)["work"] == (S.STARTING, "the gateway of default (PID 9) is starting", False)


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("only one profile exists (nothing to multiplex)", ": it was started when no other profile existed"),
        ("Profiles 'default' and 'b' both hold the same telegram credential", ""),
        (None, ""),
    ],
)
def test_single_gateway_of_default_leaves_the_others_unserved(root: Root, reason: str | None, wanted: str) -> None:
    root.runs("default", 9, served_profiles=[], multiplex_standalone_reason=reason)
    root.publishes(9, root.home("default"), "default")
    root.write("work", "SOUL.md", "")
    detail = f"the gateway of default (PID 9) serves default alone{wanted}"
    assert states(root)["work"] == (S.STOPPED, detail, True)


def test_parked_profile_is_off_on_purpose(root: Root) -> None:
    served(root, "ops")
    root.write("work", "gateway.parked", "")
    assert states(root)["work"] == (S.STOPPED, "parked: the gateway for all profiles does not serve it", False)


def test_standalone_profile_without_a_gateway_is_named(root: Root) -> None:
    root.write("work", "config.yaml", "gateway:\n  standalone: true\n")
    assert states(root)["work"] == (S.STOPPED, "standalone: it needs a gateway of its own", False)
    served(root, "ops")
    state, detail, unserved = states(root)["work"]
    assert (state, unserved) == (S.STOPPED, True) and detail.startswith("it is standalone: the gateway of default")


def test_standalone_profile_with_a_gateway_runs(root: Root) -> None:
    served(root, "ops")
    root.write("work", "config.yaml", "gateway:\n  standalone: true\n")
    root.runs("work", 42, served_profiles=[])
    root.manager.statuses |= {"work": status(pid=42)}
    assert states(root)["work"] == (S.RUNNING, "", False)


def test_host_lock_of_another_root_is_named_where_it_stops_a_gateway(root: Root) -> None:
    root.table.add(77, HERMES_HOME="/srv/other")
    root.publishes(77, "/srv/other", "default")
    assert states(root)["default"] == (S.STOPPED, "", False)
    root.uses(facts_of((0, 21, 5)))
    wanted = "the gateway of another root (PID 77, /srv/other) has the host lock"
    assert states(root)["default"] == (S.STOPPED, wanted, False)


def test_refused_gateway_of_a_named_profile_is_no_broken_configuration(root: Root) -> None:
    failed = status(Activity.FAILED, last_exit=78, reason="exit-code")
    root.manager.statuses = {"work": failed, "default": failed}
    found = states(root)
    assert found["work"][1] == "exit 78: Hermes refuses a gateway of its own for work"
    assert found["default"][1] == "exit 78: its configuration cannot work"


def test_named_gateway_alone_leaves_the_others_unserved(root: Root) -> None:
    root.runs("work", 42, served_profiles=[], multiplex_standalone_reason="Profiles 'a' and 'b' both hold it")
    root.publishes(42, root.home("work"), "work")
    for name in ("default", "ops"):
        assert states(root)[name] == (
            S.STOPPED, "the gateway of work (PID 42) serves work alone", True
        )  # fmt: skip
    root.write("work", "config.yaml", "gateway:\n  standalone: true\n")
    assert [states(root)[name] for name in ("default", "ops")] == [(S.STOPPED, "", False)] * 2
