"""Variables that send a gateway elsewhere, or open one port in every profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from clone_source import clone, make_layout
from doctor_root import DoctorRoot

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.profiles.channels import claimed_resources, works_elsewhere

CATALOG = load_catalog()
KEY = "CANARY-api-key-0123456789abcdef"


def api_findings(world: DoctorRoot, environment: dict[str, str]) -> list[dict[str, object]]:
    world.environment.update(environment)
    return world.findings("--only", "conflicts.inherited-api")


def test_key_of_the_environment_opens_one_port_in_all_profiles(world: DoctorRoot):
    world.add("work", ".env", "API_SERVER_ENABLED=false\n")
    (found,) = api_findings(world, {"API_SERVER_KEY": KEY, "API_SERVER_PORT": "8000"})
    assert found["severity"] == "error" and found["profiles"] == ["default", "family", "work"]
    assert "port 8000" in str(found["message"]) and KEY not in str(found)


def test_profiles_that_answer_the_environment_are_not_reported(world: DoctorRoot):
    world.add("work", ".env", "API_SERVER_KEY=\nAPI_SERVER_ENABLED=false\n")
    world.add("family", ".env", "API_SERVER_PORT=8001\n")
    assert api_findings(world, {"API_SERVER_KEY": KEY, "API_SERVER_ENABLED": "true"}) == []


def test_own_home_is_no_redirect(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "link").symlink_to(home)
    redirected = ("HERMES_HOME",)
    own = ((home, ()), (tmp_path / "link", ()), ("${HERMES_HOME}", ()))
    for value, expected in (*own, (tmp_path, redirected), ("", redirected)):
        (home / ".env").write_text(f"HERMES_HOME={value}\n")
        assert claimed_resources(home, catalog=CATALOG).redirects == expected
        assert works_elsewhere(home) is bool(expected)


BY_HAND = "a start by hand does not"


@pytest.mark.parametrize("file", [".op.env", "config.yaml"])
@pytest.mark.parametrize(
    ("profile", "variable", "expected"),
    [
        ("work", "HERMES_HOME", []),  # `hermes -p work` and every unit set it first
        ("default", "HERMES_HOME", ["warning"]),
        ("work", "HERMES_MANAGED_DIR", ["warning"]),
    ],
)
def test_file_that_fills_gaps_redirects_no_service(
    world: DoctorRoot, profile: str, variable: str, file: str, expected: list[str]
):
    """Hermes 0.19.0 loads `.op.env` without override, and config.yaml for what is not set; seen in real gateways."""
    line = f"{variable}=/srv/other\n" if file == ".op.env" else f"\n{variable}: /srv/other\n"
    (world.home(profile) / ".op.env").touch()
    world.add(profile, file, line)
    found = world.findings("--only", "files.redirected")
    assert [each["severity"] for each in found] == expected
    assert all(file in str(each["message"]) and BY_HAND in str(each["message"]) for each in found)
    held = claimed_resources(world.home(profile), catalog=CATALOG)
    assert held.redirects == () and not works_elsewhere(world.home(profile))


def test_env_file_redirects_every_gateway(world: DoctorRoot):
    for file, value in ((".op.env", "/srv/a"), (".env", "/srv/b")):
        (world.home("work") / file).write_text(f"HERMES_HOME={value}\n")
    (found,) = world.findings("--only", "files.redirected")
    assert found["severity"] == "error" and BY_HAND not in str(found["message"])


def test_clone_leaves_redirects_behind(tmp_path: Path):
    source = tmp_path / ".hermes"
    for number, line in enumerate((f"HERMES_HOME={source}", "HERMES_HOME=", "export HERMES_MANAGED_DIR=/srv/policy")):
        kept = "OPENAI_API_KEY=sk-keepkeepkeepkeep\n"
        done = clone(make_layout(tmp_path / str(number), {".env": f"{kept}{line}\n"}))
        assert done.text(".env") == kept and len(done.data["env"]["removed"]) == 1
        done = clone(
            make_layout(tmp_path / f"config{number}", {".env": kept, "config.yaml": "HERMES_HOME: /srv\na: b\n"})
        )
        assert done.text("config.yaml") == "a: b\n"
