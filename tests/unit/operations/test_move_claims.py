"""Claims of bots that move into a cluster: what is reported when they cannot be removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.move_cluster import cluster_end
from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind


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
