"""The shell in front of a gateway passes listed variables only, with any environment of its manager."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sample_specs import spec_of

from hermes_profiles.services.spec import ServiceSpec, clean_script

HOSTILE = {
    "TELEGRAM_BOT_TOKEN": "7:CANARY", "HERMES_HOME_OF_ANOTHER": "/x", "PORT": "1", "PYTHONPATH": "/evil",
    "lower_case": "x", "LINES": "first\nTELEGRAM_X=CANARY\nno name here", "OPTIND": "3", "_UNDER": "y",
}  # fmt: skip
SHELLS = [["/bin/sh"], *([["bash", "--posix"]] if shutil.which("bash") else [])]


def _variables(shell: list[str], spec: ServiceSpec, given: dict[str, str]) -> dict[str, str]:
    done = subprocess.run(
        [*shell, "-c", clean_script(spec) + 'exec "$@"', "x", "/usr/bin/env", "-0"],
        env=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(item.split("=", 1) for item in done.stdout.split("\0") if item)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_only_listed_variables_get_through(tmp_path: Path, shell: list[str]) -> None:
    spec = spec_of(tmp_path)._replace(inherited=("MINE", "OUR_*"))
    own = dict(spec.environment)
    kept = {"LC_ALL": "C.UTF-8", "HTTPS_PROXY": "http://p q", "INVOCATION_ID": "1", "MINE": "a b", "OUR_X": "$HOME"}
    seen = _variables(shell, spec, {**HOSTILE, **own, **kept, "PATH": "/usr/bin:/bin"})
    # What a shell itself keeps up is not a secret of anybody's.
    assert {name: value for name, value in seen.items() if name not in ("PWD", "SHLVL", "_", "OPTIND", "OLDPWD")} == {
        **own, **kept, "PATH": "/usr/bin:/bin",
    }  # fmt: skip


def test_pinned_command_selects_profile_despite_sticky_one(tmp_path: Path) -> None:
    for spec in (spec_of(), spec_of(Path("/home/ada/.hermes"))):
        assert spec.pinned_command[3:5] == ("-p", spec.profile)


def test_a_home_that_no_name_leads_to_is_named_by_its_variable_alone() -> None:
    spec = spec_of(Path("/home/ada/.hermes/scratch"))
    assert "-p" not in spec.pinned_command and ("HERMES_HOME", str(spec.home)) in spec.environment
