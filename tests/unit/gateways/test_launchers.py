"""Scripts of users that are called hermes: what services run of them, and what they refuse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hermes_profiles.gateways.installation.hermes_install import HermesInstall, find_installation
from hermes_profiles.model.errors import NotFound
from hermes_profiles.model.layout import Layout

Finder = Callable[..., HermesInstall]


@pytest.fixture(autouse=True)
def without_own_hermes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the tests may have Hermes: it is not searched."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)


class Machine:
    """A user's home with a `hermes` on PATH, and virtual environments with Hermes."""

    def __init__(self, user: Path) -> None:
        self.user = user
        self.command = user / "bin" / "hermes"

    def venv(self, place: str) -> Path:
        """Write an environment with Hermes, and return its interpreter."""
        folder = self.user / place
        (folder / "lib" / "python3.11" / "site-packages" / "hermes_cli").mkdir(parents=True)
        python = self.program(folder / "bin" / "python", "#!/bin/sh\nexit 3\n")
        self.program(folder / "bin" / "hermes", f"#!{python}\n")
        return python

    @staticmethod
    def program(path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def find(self, script: str, **environment: str) -> HermesInstall:
        self.program(self.command, script.replace("{user}", str(self.user)))
        path = f"{self.command.parent}:/usr/bin:/bin"
        return find_installation(Layout(self.user / ".hermes", self.user), {"PATH": path, **environment})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


FOLLOWED = {
    "own wrapper": ("opt/venv", '#!/bin/bash\nset -e\nexec {user}/opt/venv/bin/hermes "$@"\n'),
    "no shebang": ("opt/venv", 'VENV=$HOME/opt/venv\nexec "$VENV/bin/hermes" "$@"\n'),
    "comment before": ("opt/venv", '\n# mine\n{user}/opt/venv/bin/hermes "$@"\n'),
    "without exec": ("opt/venv", '#!/bin/sh\n"$HOME/opt/venv/bin/hermes" $*\n'),
    "tilde": ("opt/venv", '#!/bin/sh\nexec ~/opt/venv/bin/hermes "$@"\n'),
    "variable": ("opt/venv", '#!/bin/sh\nVENV="${HOME}/opt/venv"\nexec "$VENV/bin/hermes" "$@"\n'),
    "default of a variable": ("opt/venv", '#!/bin/sh\nexec "${HERMES_VENV:-$HOME/opt/venv}/bin/hermes" "$@"\n'),
    "folder first": ("opt/venv", '#!/bin/sh\ncd {user}/opt && exec venv/bin/hermes "$@"\n'),
    "module": ("opt/venv", '#!/bin/sh\nexec {user}/opt/venv/bin/python -m hermes_cli.main "$@"\n'),
    "activated": ("opt/venv", '#!/bin/bash\nsource {user}/opt/venv/bin/activate\nexec hermes "$@"\n'),
    "activated python": (
        "opt/venv",
        '#!/bin/bash\n. "{user}/opt/venv/bin/activate" && python -m hermes_cli.main "$@"\n',
    ),
    "path": ("opt/venv", '#!/bin/sh\nexport PATH="{user}/opt/venv/bin:$PATH"\nexec hermes "$@"\n'),
    "beside itself": (
        "venv",
        '#!/bin/bash\nD="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\nexec "$D/../venv/bin/hermes" "$@"\n',
    ),
    "function": ("opt/venv", '#!/bin/bash\nhermes() {\n  {user}/opt/venv/bin/hermes "$@"\n}\nhermes "$@"\n'),
    "alternatives": (
        "opt/venv",
        '#!/bin/sh\nif [ -x /no/hermes ]; then exec /no/hermes "$@"; fi\nexec {user}/opt/venv/bin/hermes "$@"\n',
    ),
    "small tools": ("opt/venv", '#!/bin/sh\nexec env -u PYTHONPATH A=b nice -n 5 {user}/opt/venv/bin/hermes "$@"\n'),
    "fish": ("opt/venv", "#!/usr/bin/env fish\nset -x VENV {user}/opt/venv\nexec $VENV/bin/hermes $argv\n"),
    "continued line": ("opt/venv", '#!/bin/sh\nexec \\\n  {user}/opt/venv/bin/hermes \\\n  "$@"\n'),
    "pip with a long path": ("opt/venv", "#!/bin/sh\n'''exec' \"{user}/opt/venv/bin/python\" \"$0\" \"$@\"\n' '''\n"),
    "uv project": ("code/.venv", '#!/bin/sh\nexec uv run --project {user}/code hermes "$@"\n'),
    "uv folder": ("code/.venv", '#!/bin/sh\ncd ~/code || exit 1\nuv run --frozen -- hermes "$@"\n'),
    "uv with shebang": ("code/.venv", "#!/usr/bin/env -S uv run --project {user}/code hermes\n"),
    "uvx": (".local/share/uv/tools/hermes-agent", '#!/bin/sh\nexec uvx --from hermes-agent hermes "$@"\n'),
    "pipx": (".local/share/pipx/venvs/hermes-agent", '#!/bin/sh\nexec pipx run hermes-agent "$@"\n'),
    "poetry": ("code/.venv", '#!/bin/sh\nexec poetry -C {user}/code run hermes "$@"\n'),
    "pixi": ("code/.pixi/envs/default", '#!/bin/sh\nexec pixi run --manifest-path {user}/code/pixi.toml hermes "$@"\n'),
    "conda": ("miniconda3/envs/agent", '#!/bin/sh\nexec conda run --no-capture-output -n agent hermes "$@"\n'),
    "conda by path": ("apps/env", '#!/bin/sh\nexec /opt/conda/bin/conda run -p {user}/apps/env hermes "$@"\n'),
    "conda activated": ("miniforge3/envs/agent", '#!/bin/bash\nconda activate agent\nhermes "$@"\n'),
    "micromamba": ("micromamba/envs/agent", '#!/bin/sh\nmicromamba run -n agent hermes "$@"\n'),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_launcher_leads_to_the_interpreter_that_has_hermes(machine: Machine, case: str) -> None:
    place, script = FOLLOWED[case]
    python = machine.venv(place)
    found = machine.find(script)
    assert found.python == python and found.code is not None and not found.passed_over


@pytest.mark.parametrize("global_version", ["3.12.1\n", None])
def test_shim_of_pyenv_leads_to_the_version_with_hermes(machine: Machine, global_version: str | None) -> None:
    python = machine.venv(".pyenv/versions/3.12.1")
    if global_version:
        machine.venv(".pyenv/versions/3.11.0")
        (machine.user / ".pyenv" / "version").write_text(global_version)
    machine.command = machine.user / ".pyenv" / "shims" / "hermes"
    script = (
        '#!/usr/bin/env bash\nset -e\n[ -n "$PYENV_DEBUG" ] && set -x\n\nprogram="${0##*/}"\n\n'
        'export PYENV_ROOT="{user}/.pyenv"\nexec "{user}/.pyenv/libexec/pyenv" exec "$program" "$@"\n'
    )
    assert machine.find(script).python == python


ELSEWHERE = {
    "docker exec": '#!/bin/sh\nexec docker exec -it hermes /opt/venv/bin/python -m hermes_cli.main "$@"\n',
    "docker run": '#!/bin/sh\ndocker run --rm -v ~/.hermes:/root/.hermes nous/hermes "$@"\n',
    "compose": '#!/bin/sh\ncd ~/stack && docker compose exec hermes hermes "$@"\n',
    "podman": '#!/bin/bash\nexec /usr/bin/podman exec --user hermes box hermes "$@"\n',
    "kubectl": '#!/bin/sh\nexec kubectl exec -it deploy/hermes -- hermes "$@"\n',
    "distrobox": '#!/bin/sh\nexec distrobox enter box -- /usr/bin/hermes "$@"\n',
    "ssh": '#!/bin/sh\nexec ssh -t box /home/u/.local/bin/hermes "$@"\n',
    "no shebang": 'docker exec -it box hermes "$@"\n',
    "ssh with a shell": '#!/bin/sh\nssh box -- hermes "$(printf \'%q \' "$@")"\n',
    "another user": '#!/bin/sh\nexec sudo -u hermes -H /srv/hermes/venv/bin/hermes "$@"\n',
    "function": '#!/bin/bash\nhermes() { docker exec -i box hermes "$@"; }\nhermes "$@"\n',
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_launcher_into_a_container_or_another_machine_is_refused(machine: Machine, case: str) -> None:
    checkout = machine.venv(".hermes/hermes-agent/venv")
    with pytest.raises(NotFound) as caught:
        machine.find(ELSEWHERE[case])
    problem = caught.value.problem
    assert problem.code == "hermes-launcher" and str(machine.command) in problem.message
    assert "--python" in str(problem.hint)
    layout = Layout(machine.user / ".hermes", machine.user)
    assert find_installation(layout, {}, given=str(checkout)).python == checkout, "the way out works"


def bare_python(machine: Machine) -> Path:
    """An interpreter with no packages: it runs, and cannot import Hermes."""
    return machine.program(machine.user / "nix" / "bin" / "python3.12", f'#!/bin/sh\nexec {sys.executable} -IS "$@"\n')


UNREADABLE = {
    "nix": '#!/bin/bash -e\nexport PATH="/nix/store/x/bin:$PATH"\nexec "{user}/store/bin/.hermes-wrapped" "$@"\n',
    "PYTHONPATH": '#!/bin/sh\nexport PYTHONPATH={user}/code\nexec {user}/nix/bin/python3.12 -m hermes_cli.main "$@"\n',
    "nix run": '#!/bin/sh\nexec nix run github:x/hermes -- "$@"\n',
    "uv without environment": '#!/bin/sh\nexec uv run --project {user}/code hermes "$@"\n',
    "pyenv without version": '#!/bin/sh\nexec pyenv exec hermes "$@"\n',
    "missing script": '#!/bin/sh\nexec {user}/gone/bin/hermes "$@"\n',
    "binary": "\x7fELF\x02\x01\0\0",
    "words": "no program at all\n",
    "empty": "",
    "loop": '#!/bin/sh\nexec {user}/bin/hermes "$@"\n',
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_launcher_that_services_cannot_replace_is_named(machine: Machine, case: str) -> None:
    python = bare_python(machine)
    site = machine.user / "store" / "lib"
    machine.program(
        machine.user / "store" / "bin" / ".hermes-wrapped", f"#!{python}\nimport site\nsite.addsitedir('{site}')\n"
    )
    with pytest.raises(NotFound) as caught:
        machine.find(UNREADABLE[case])
    problem = caught.value.problem
    assert problem.code == "hermes-launcher" and str(machine.command) in problem.message
    assert "--python" in str(problem.hint)


def test_other_installation_is_used_and_the_launcher_is_named(machine: Machine) -> None:
    python = machine.venv(".hermes/hermes-agent/venv")
    found = machine.find(UNREADABLE["nix run"])
    assert found.python == python and "nix run" in found.passed_over


def test_interpreter_that_imports_hermes_from_elsewhere_is_accepted(machine: Machine) -> None:
    code = machine.user / "dist-packages"
    (code / "hermes_cli").mkdir(parents=True)
    (code / "hermes_cli" / "__init__.py").write_text("")
    python = machine.program(
        machine.user / "opt" / "bin" / "python3", f'#!/bin/sh\nPYTHONPATH={code} exec {sys.executable} -S "$@"\n'
    )
    found = machine.find(f'#!/bin/sh\nexec {python} -m hermes_cli.main "$@"\n')
    assert (found.python, found.code) == (python, code)


def test_given_interpreter_without_hermes_is_refused(machine: Machine) -> None:
    python = bare_python(machine)
    with pytest.raises(NotFound, match="cannot import Hermes"):
        find_installation(Layout(machine.user / ".hermes", machine.user), {}, given=str(python))


@pytest.mark.parametrize(
    "vault",
    ["op run --env-file {user}/.op.env --", "doppler run --", "infisical run --env=prod --", "direnv exec {user}"],
)
def test_vault_in_front_of_hermes_is_remembered(machine: Machine, vault: str) -> None:
    python = machine.venv("opt/venv")
    found = machine.find(f'#!/bin/sh\nexec {vault} {{user}}/opt/venv/bin/hermes "$@"\n')
    assert (found.python, found.through) == (python, vault.split()[0])
