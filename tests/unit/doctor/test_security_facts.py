"""Permission checks over facts of other users and other machines."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from hermes_profiles.changes.signature import Signature
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.doctor.checks import permissions
from hermes_profiles.doctor.facts.files import TreeFacts
from hermes_profiles.doctor.facts.identities import IdentityFacts
from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.facts.runtime import RuntimeFacts
from hermes_profiles.doctor.facts.services import ServiceFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.facts.teams import TeamFacts
from hermes_profiles.doctor.findings import Severity, TightenMode
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import NOTHING_MANAGED, ClaimedResources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.tree_walk import EntryKind

ALICE, ROOT, BOB = 1000, 0, 1001
USERS = {ALICE: "alice", ROOT: "root", BOB: "bob"}
HOME = Path("/home/alice/.hermes/profiles/work")


def fact(path: str | Path, *, uid: int = ALICE, mode: int = 0o600, kind: EntryKind = EntryKind.FILE) -> FileFact:
    return FileFact(HOME / path, kind, mode, uid, 1, 0.0, Signature(1, 1, 1, 1, 1, mode))


def facts(
    *files: FileFact, uid: int = ALICE, home_uid: int = ALICE, root_uid: int = ALICE, tree: Mapping[str, object] = {},
    disabled: bool = False,
) -> Facts:  # fmt: skip
    home = fact("", uid=home_uid, mode=0o755, kind=EntryKind.FOLDER)
    listing = {str(each.path.relative_to(HOME)): each for each in files}
    reader = HomeFiles(HOME)
    for name in (".env", ".op.env", "config.yaml", "gateway.json"):
        reader.absent(name)
    profile = ProfileFacts("work", HOME, reader, ClaimedResources(), listing, disabled=disabled)
    base = TreeFacts(
        root=home._replace(uid=root_uid), homes={"work": home}, reachable_modes={"work": 0o077}, users=USERS
    )
    return Facts(
        Layout(HOME.parent.parent, Path("/home/alice")), load_catalog(), {}, uid, 0.0, "default", {"work": profile},
        None, NOTHING_MANAGED, base._replace(**tree), IdentityFacts(), ServiceFacts(), RuntimeFacts(),
        TeamFacts(),
    )  # fmt: skip


def test_foreign_owner_names_owner_and_fix() -> None:
    seen = facts(fact(".env"), fact("state.db", uid=ROOT), fact("logs/gateway.log", uid=ROOT), fact("x", uid=BOB))
    (found,) = permissions.foreign_owner(seen)
    assert "state.db, logs and x of work belong to root and bob, not to alice" in found.message
    assert found.fix.command == f"sudo chown -R alice: {HOME}/state.db {HOME}/logs {HOME}/x"
    assert [Path(each.file or "").name for each in found.evidence] == ["state.db", "gateway.log", "x"]
    assert not found.repairs and found.severity is Severity.ERROR


def test_home_with_foreign_owner_is_reported() -> None:
    (found,) = permissions.foreign_owner(facts(fact(".env", uid=ROOT), home_uid=ROOT))
    assert found.message.startswith("the home of work belongs to root, not to alice")
    assert found.fix.command == f"sudo chown -R alice: {HOME}"


def test_disabled_profile_lowers_severity() -> None:
    (found,) = permissions.foreign_owner(facts(fact("a", uid=ROOT), disabled=True))
    assert found.severity is Severity.WARNING and "work (disabled)" in found.message


@pytest.mark.parametrize("seen", [
    facts(fact(".env")),
    facts(fact("plugins", uid=ROOT, kind=EntryKind.LINK)),
    facts(fact("profiles", uid=BOB, kind=EntryKind.FOLDER)),
    facts(fact(".env", uid=BOB), home_uid=BOB, root_uid=BOB, uid=ALICE),  # the root of another user, checked by alice
    facts(fact("state.db", uid=BOB, mode=0o660), tree={"meant_for_group": True}),
], ids=["own", "link", "profiles", "another's root", "shared on purpose"])  # fmt: skip
def test_correct_owners_and_modes_have_no_findings(seen: Facts) -> None:
    assert list(permissions.foreign_owner(seen)) == []


def test_group_access_is_allowed_on_shared_machines() -> None:
    shared = fact(".env", mode=0o640)
    (found,) = permissions.readable_secret(facts(shared))
    assert found.repairs == (TightenMode(shared.path, 0o600, shared.signature),)
    assert list(permissions.readable_secret(facts(shared, tree={"meant_for_group": True}))) == []
    assert list(permissions.readable_secret(facts(fact(".env", mode=0o644), tree={"meant_for_group": True})))


def test_mode_repair_only_removes_bits() -> None:
    read_only = fact(".env", mode=0o444)
    (found,) = permissions.readable_secret(facts(read_only))
    assert found.repairs == (TightenMode(read_only.path, 0o400, read_only.signature),)


def test_foreign_file_is_not_repaired() -> None:
    (found,) = permissions.readable_secret(facts(fact(".env", mode=0o644, uid=ROOT)))
    assert not found.repairs and found.fix.command == f"chmod go-rwx {HOME}/.env"
    (found,) = permissions.readable_secret(facts(fact(".env", mode=0o644), uid=ROOT))
    assert found.repairs


def test_modes_of_parent_folders_limit_access(tmp_path: Path) -> None:
    from hermes_profiles.doctor.probes.files import _ancestors, _mode_through, _passing_bits

    root = tmp_path / "user" / ".hermes"
    root.mkdir(parents=True)
    layout = Layout(root, tmp_path / "user")
    assert list(_ancestors(layout)) == [root, tmp_path / "user"]
    for modes, way in (((0o755, 0o755), 0o077), ((0o700, 0o755), 0), ((0o755, 0o750), 0o070), ((0o711, 0o711), 0o077)):
        os.chmod(tmp_path / "user", modes[0])
        os.chmod(root, modes[1])
        assert _mode_through(_ancestors(layout)) == way, (modes, oct(way))
    assert _passing_bits(0o701) == 0o077 and _passing_bits(0o710) == 0o070 and _passing_bits(0o744) == 0
