"""places.toml: what it accepts, edits that keep comments, its mode."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hermes_profiles.model.errors import DocumentError, NotFound, UsageProblem
from hermes_profiles.places.file import PlacesFile, place_named, places_file, read_places
from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind, check_place

VPS = Place("vps", PlaceKind.SSH, host="ada@vps")
PROD = Place("prod", PlaceKind.KUBERNETES, kubernetes=KubernetesTarget("agents", "hermes-family", "prod"))
WORK = Place("work", PlaceKind.LOCAL, root='/srv/her "mes"')


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_added_places_are_read_again_and_the_file_is_private(environment: dict[str, str]) -> None:
    assert read_places(environment) == {}
    with PlacesFile(environment) as file:
        for place in (VPS, PROD, WORK, VPS._replace(name="two", root="/opt/data")):
            file.add(place)
    assert [*read_places(environment).values()] == [VPS, PROD, WORK, VPS._replace(name="two", root="/opt/data")]
    assert stat.S_IMODE(places_file(environment).stat().st_mode) == 0o600


def test_removed_place_takes_its_lines_and_no_comment_of_another(environment: dict[str, str]) -> None:
    path = places_file(environment)
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[vps] # the first\nssh = "ada@vps"\n\n# of two\n["two"]\nssh = "two"\n')
    with PlacesFile(environment) as file:
        file.drop("vps")
    assert path.read_text() == '# mine\n# of two\n["two"]\nssh = "two"\n'
    with PlacesFile(environment) as file:
        file.drop("two")
    assert read_places(environment) == {}


def test_table_written_otherwise_is_not_edited(environment: dict[str, str]) -> None:
    path = places_file(environment)
    path.parent.mkdir(parents=True)
    path.write_text(before := 'vps = { ssh = "ada@vps" }\n')
    with PlacesFile(environment) as file, pytest.raises(DocumentError, match="with certainty"):
        file.drop("vps")
    assert path.read_text() == before


@pytest.mark.parametrize("text", [
    "[vps", "vps = 3", "[vps]\nssh = 3", '[vps]\nssh = "a"\nlocal = "/b"', "[all]\nssh='a'",
    '[vps]\nssh = "-oProxyCommand=x"', "[vps]\nkubernetes = { name = 'a' }",
])  # fmt: skip
def test_file_that_is_wrong_is_an_error_with_its_path(environment: dict[str, str], text: str) -> None:
    path = places_file(environment)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(DocumentError, match=str(path)):
        read_places(environment)


@pytest.mark.parametrize("host", ["-oProxyCommand=reboot", "ada@-x", "a b", "a;b", "$(id)", "a`id`", "", "a\nb", "a'b"])
def test_host_that_is_an_option_or_a_command_is_refused(host: str) -> None:
    with pytest.raises(UsageProblem):
        check_place(VPS._replace(host=host))


@pytest.mark.parametrize("host", ["vps", "ada@vps", "ada@10.77.0.2", "ssh://ada@vps.example.org:2222", "a_b", "[::1]"])
def test_host_as_ssh_takes_it_is_accepted(host: str) -> None:
    assert check_place(VPS._replace(host=host)).host == host


@pytest.mark.parametrize("target", [
    ("Agents", "a", ""), ("agents", "-a", ""), ("agents", "a", "-x"), ("agents", "", ""), ("a" * 64, "a", ""),
])  # fmt: skip
def test_target_that_is_no_name_of_kubernetes_is_refused(target: tuple[str, str, str]) -> None:
    with pytest.raises(UsageProblem):
        check_place(PROD._replace(kubernetes=KubernetesTarget(*target)))


def test_local_is_the_root_of_the_command_and_an_unknown_name_is_not_found(environment: dict[str, str]) -> None:
    assert place_named(environment, "local", own_root=Path("/r")) == Place("local", PlaceKind.LOCAL, root="/r")
    with pytest.raises(NotFound):
        place_named(environment, "vps", own_root=Path("/r"))
