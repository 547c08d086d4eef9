"""The end of a move in a cluster: claims that stay are named, and the volume is given back after an interrupt."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.model.errors import Refused
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.moves.move_cluster import ClusterEnd, cluster_end
from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind
from hermes_profiles.places.transport import PlaceSilent


def test_claims_that_stay_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no kubectl
    session = FleetSession(environment={"HOME": str(tmp_path), "PATH": str(tmp_path)})
    place = Place("prod", PlaceKind.KUBERNETES, kubernetes=KubernetesTarget("bots", "family"))
    end = cluster_end(session, place, "target", lambda *_: None, dry_run=False)
    assert end is not None
    end._drop_claims_safely("family")
    (warning,) = end.warnings
    assert (warning.code, warning.target) == ("claims-kept", "family")
    assert "`hermes-gateways place claim prod --release`" in (warning.hint or "")


@pytest.mark.parametrize("is_down", [False, True])
def test_interrupted_move_gives_the_volume_back(tmp_path: Path, is_down: bool) -> None:
    session = FleetSession(environment={"HOME": str(tmp_path), "PATH": str(tmp_path)})
    place = Place("prod", PlaceKind.KUBERNETES, kubernetes=KubernetesTarget("bots", "family"))
    end = cluster_end(session, place, "target", lambda *_: None, dry_run=False)
    assert end is not None
    calls: list[str] = []

    def release() -> None:
        calls.append("release")
        if is_down:
            raise PlaceSilent("no answer")

    end.hold.release = release  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt), end:
        with pytest.raises(Refused, match="another command moves"), _second(session, place):
            pass
        raise KeyboardInterrupt
    assert calls == ["release"]
    assert [each.code for each in end.warnings] == ["place-loader"] * is_down
    with _second(session, place):
        pass


def _second(session: FleetSession, place: Place) -> ClusterEnd:
    end = cluster_end(session, place, "target", lambda *_: None, dry_run=False)
    assert end is not None
    return end
