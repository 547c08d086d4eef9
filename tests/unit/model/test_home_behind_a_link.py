"""`..` after a link means the folder above its target, as for Hermes, which opens the path as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.model.layout import Layout, given_home


@pytest.fixture
def link(tmp_path: Path) -> Path:
    (tmp_path / "disk" / "data" / "profiles" / "work").mkdir(parents=True)
    (tmp_path / "user").mkdir()
    link = tmp_path / "user" / "link"
    link.symlink_to(tmp_path / "disk" / "data")
    return link


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("link/..", "disk"),
        ("link/../data", "disk/data"),
        ("link/profiles/..", "disk/data"),
        ("link/./../data/profiles/work", "disk/data/profiles/work"),
        ("link/../new", "disk/new"),
        ("plain/..", "user"),
        ("plain/../x/../link", "user/link"),
        ("missing/../link", "user/link"),
    ],
)
@pytest.mark.parametrize("how", ["variable", "option", "relative"])
def test_parent_of_a_link_is_the_folder_above_its_target(given: str, meant: str, how: str, link: Path) -> None:
    (link.parent / "plain").mkdir()
    text = given if how == "relative" else f"{link.parent}/{given}"
    env = {"PWD": str(link.parent)} | ({} if how == "option" else {"HERMES_HOME": text})
    found = given_home(env, user_home=link.parent, home=text if how == "option" else None)
    assert found is not None
    assert found.resolve() == (link.parent.parent / meant).resolve()
    assert ".." not in found.parts


def test_profile_behind_a_link_belongs_to_the_root_of_its_target(link: Path) -> None:
    env = {"HERMES_HOME": f"{link}/../data/profiles/work"}
    layout = Layout.from_environment(env, user_home=link.parent, platform="linux")
    assert layout.root == link.resolve()


@pytest.mark.parametrize(
    ("given", "root"),
    [
        (".hermes/profiles", ".hermes"),
        (".hermes/profiles/work/home", ".hermes"),
        (".hermes/new/home", ".hermes"),
        ("link", ".hermes"),
        ("link/profiles/work", ".hermes"),
        ("other", "other"),
        (".hermes-old/profiles/x", ".hermes-old"),
    ],
)
def test_home_within_the_root_of_the_account_belongs_to_it(given: str, root: str, tmp_path: Path) -> None:
    (tmp_path / ".hermes" / "profiles" / "work").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / ".hermes")
    env = {"HERMES_HOME": str(tmp_path / given)}
    assert Layout.from_environment(env, user_home=tmp_path, platform="linux").root == tmp_path / root
    # The option names a root itself, such as the nested home that a finding of `doctor` is about.
    nested = str(tmp_path / ".hermes" / "profiles" / "work" / "home")
    assert str(Layout.from_environment(env, user_home=tmp_path, platform="linux", home=nested).root) == nested
