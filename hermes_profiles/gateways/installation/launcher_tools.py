"""Tools in front of Hermes in a launcher script: containers, remote shells, environments of Python, vaults."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hermes_profiles.model.patterns import lazy_pattern

# Programs that run a command in a container, on another machine, or as another user.
_ELSEWHERE = frozenset(
    (
        *("docker", "docker-compose", "podman", "podman-compose", "nerdctl", "kubectl", "oc", "crictl", "ctr", "lxc"),
        *("lxc-attach", "incus", "pct", "machinectl", "systemd-nspawn", "nsenter", "chroot", "distrobox", "toolbox"),
        *("distrobox-enter", "apptainer", "singularity", "flatpak", "flatpak-spawn", "vagrant", "multipass", "limactl"),
        *("lima", "colima", "wsl", "wsl.exe", "ssh", "mosh", "et", "autossh", "tsh", "gcloud", "fly", "flyctl", "aws"),
        *("sudo", "doas", "su", "runuser", "devcontainer", "docker.exe", "podman-remote", "orb", "container", "finch"),
    )
)
# Programs that run a command in an environment of their own.
_TOOLS = frozenset(
    (
        *("uv", "uvx", "pipx", "poetry", "pdm", "pipenv", "hatch", "rye", "pixi", "conda", "mamba", "micromamba"),
        *("pyenv", "asdf", "mise", "rtx", "nix", "nix-shell", "devbox", "devenv", "guix", "flox", "virtualenv"),
    )
)
# Programs that give secrets or settings to the command behind them, and the words in front of it.
_VAULTS = frozenset(
    (
        *("op", "doppler", "infisical", "dotenvx", "dotenv", "chamber", "aws-vault", "envchain", "teller", "summon"),
        *("berglas", "vaultenv", "envconsul", "sops", "bws", "akeyless", "phase", "secrethub", "direnv", "vault-env"),
        *(
            "systemd-creds",
            "with-contenv",
            "s6-envdir",
            "envdir",
            "chpst",
            "keepassxc-run",
            "pass-env",
            "gopass",
            "env-vault",
        ),
    )
)
_HARMLESS = frozenset(
    (
        *("env", "nice", "ionice", "nohup", "setsid", "stdbuf", "timeout", "caffeinate", "systemd-inhibit", "chrt"),
        *(
            "taskset",
            "numactl",
            "firejail",
            "bwrap",
            "systemd-run",
            "flock",
            "prlimit",
            "unbuffer",
            "tini",
            "dumb-init",
        ),
        *("proxychains", "proxychains4", "torsocks", "arch", "setpriv", "catchsegv", "systemd-cat", "choom", "gosu"),
    )
)
_ASSIGNMENT = lazy_pattern(r"[A-Za-z_]\w*=")
_END = lazy_pattern(r"(\.?hermes[\w-]*|(python|pypy)[0-9.]*)\Z")
_FOLDER_OPTIONS = ("-C", "-P", "-p", "--project", "--directory", "--cwd", "--manifest-path", "--project-directory")
_ENVIRONMENTS = (".venv", "venv", ".pixi/envs/default", ".devenv/state/venv")
_NAME_OPTIONS = ("-n", "--name", "-p", "--prefix")


def is_elsewhere(words: Sequence[str]) -> bool:
    """Return whether a command runs in a container, on another machine or as another user."""
    return os.path.basename(words[0]) in _ELSEWHERE


def is_tool(name: str) -> bool:
    """Return whether a program runs commands in an environment of Python of its own."""
    return name in _TOOLS


def is_wrapper(name: str) -> bool:
    """Return whether a program is a vault or a small tool that runs the command behind it."""
    return name in _VAULTS or name in _HARMLESS


def without_wrappers(words: Sequence[str]) -> tuple[list[str], str]:
    """Return a command without the vaults and small tools in front of it, and the name of the vault ("": none)."""
    rest = list(words)
    through = ""
    while rest:
        if _ASSIGNMENT.match(rest[0]):
            rest.pop(0)
            continue
        name = os.path.basename(rest[0])
        if name not in _VAULTS and name not in _HARMLESS:
            break
        through = through or (name if name in _VAULTS else "")
        rest = _behind(rest)
    return rest, through


def _behind(words: list[str]) -> list[str]:
    """Return the command behind a wrapper: after `--`, or from the first word that looks like Hermes or a tool."""
    if "--" in words:
        return words[words.index("--") + 1 :]
    for number, word in enumerate(words[1:], 1):
        name = os.path.basename(word)
        if " " in word and not word.startswith("-"):  # `sops exec-env FILE 'COMMAND'`
            return [*word.split(), *words[number + 1 :]]
        if _END.match(name) or name in _ELSEWHERE or name in _TOOLS or name in _VAULTS or name in _HARMLESS:
            return words[number:]
    return []


def environment_of_tool(
    words: Sequence[str], folder: str, script: Path, user_home: Path, variables: Mapping[str, str]
) -> Path | None:
    """Return the interpreter of the environment that a tool runs a command in, None where it is unknown."""
    name = os.path.basename(words[0])
    if name in ("pyenv", "asdf", "mise", "rtx"):
        return _of_versions(name, script, user_home, variables)
    if name in ("conda", "mamba", "micromamba"):
        return _of_conda(words, user_home, variables)
    if name in ("uvx", "pipx") or tuple(words[:3]) == ("uv", "tool", "run"):
        return _first(_tool_environments(user_home, variables))
    given = _option(words, _FOLDER_OPTIONS)
    project = os.path.join(folder, given) if given else folder
    project = os.path.dirname(project) if project.endswith(".toml") else project
    named = variables.get("UV_PROJECT_ENVIRONMENT", "") if name == "uv" else ""
    return _first(os.path.join(project, each) for each in (*((named,) if named else ()), *_ENVIRONMENTS))


def _of_versions(name: str, script: Path, user_home: Path, variables: Mapping[str, str]) -> Path | None:
    """Return the interpreter of a version manager: the global version with Hermes, or the only one with it."""
    if name == "pyenv":
        root = Path(variables.get("PYENV_ROOT") or _above(script, "shims") or user_home / ".pyenv")
        versions, chosen = root / "versions", _text(root / "version").split()
    else:
        root = Path(_above(script, "shims") or user_home / (".asdf" if name == "asdf" else ".local/share/mise"))
        versions = root / "installs" / "python"
        chosen = [line.split()[1] for line in _text(user_home / ".tool-versions").splitlines() if line[:7] == "python "]
    wanted = [variables[key] for key in ("PYENV_VERSION", "ASDF_PYTHON_VERSION") if variables.get(key)] or chosen
    with_hermes = [path.parent.parent for path in sorted(versions.glob("*/bin/hermes"))]
    for version in wanted:
        if versions / version in with_hermes:
            return _first([str(versions / version)])
    return _first([str(with_hermes[0])]) if len(with_hermes) == 1 else None


def _of_conda(words: Sequence[str], user_home: Path, variables: Mapping[str, str]) -> Path | None:
    name = _option(words, _NAME_OPTIONS)
    if not name:
        return None
    if "/" in name:
        return _first([name])
    bases = [variables.get("CONDA_ROOT", ""), variables.get("MAMBA_ROOT_PREFIX", "")]
    if "/" in words[0]:
        bases.append(os.path.dirname(os.path.dirname(words[0])))
    bases += [os.path.dirname(os.path.dirname(variables[key])) for key in ("CONDA_EXE",) if variables.get(key)]
    bases += [
        str(user_home / each)
        for each in (
            *("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda", "conda"),
            *("opt/miniconda3", "opt/anaconda3", ".local/share/mamba"),
        )
    ]
    bases += ["/opt/conda", "/opt/miniconda3", "/opt/anaconda3", "/opt/miniforge3"]
    places = [base if name == "base" else os.path.join(base, "envs", name) for base in bases if base]
    return _first(places)


def _tool_environments(user_home: Path, variables: Mapping[str, str]) -> list[str]:
    data = variables.get("XDG_DATA_HOME") or str(user_home / ".local/share")
    tools = variables.get("UV_TOOL_DIR") or os.path.join(data, "uv/tools")
    pipx = variables.get("PIPX_HOME") or os.path.join(data, "pipx")
    return [os.path.join(tools, "hermes-agent"), os.path.join(pipx, "venvs", "hermes-agent")]


def _first(places: Iterable[str]) -> Path | None:
    for place in places:
        python = Path(place) / "bin" / "python"
        if os.access(python, os.X_OK):
            return python
    return None


def _option(words: Sequence[str], names: Sequence[str]) -> str:
    for number, word in enumerate(words):
        if word == "--":
            break
        if word in names and number + 1 < len(words):
            return words[number + 1]
        name, equals, value = word.partition("=")
        if equals and name in names:
            return value
    return ""


def _above(script: Path, name: str) -> str:
    return str(script.parent.parent) if script.parent.name == name else ""


def _text(path: Path) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""
