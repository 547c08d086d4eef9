"""Service specs for tests: an ordinary one, and one with paths that need quoting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hermes_profiles.services.naming import service_name
from hermes_profiles.services.spec import Program, ServiceSpec

USER_HOME = Path("/home/ada")

# Characters special to systemd, a shell or XML.
AWKWARD = (
    "100%u", "100%z", "50%", "a%%b", "two words", " led by a blank", "ended by a blank ", 'quo"ted', "it's",
    "back\\slash", "ends\\", "a&b", "<tag>", "a;b", ";", "$HOME", "${HOME}", "$$", "#hash", "a|b", "`id`", "$(id)",
    "ümlaut", "日本語", "a=b", "*", "~", "!bang", "@at", "-dash", "a,b", "\\x41", "tail\\\\",
)  # fmt: skip

# Folder names that a service definition can contain.
folder_names = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="/"), min_size=1, max_size=12
).filter(lambda name: name not in (".", ".."))


def spec_of(home: Path = USER_HOME / ".hermes/profiles/coder", **more: Any) -> ServiceSpec:
    """Return the spec of the profile in `home`, with the given fields replaced."""
    user_home = more.pop("account_home", USER_HOME)
    name = service_name(home, user_home)
    venv = "/opt/hermes/venv"
    return ServiceSpec(
        profile=name.argument or ("default" if not name.suffix else home.name),
        home=home,
        root=home.parent.parent if name.argument else home,
        name=name,
        program=Program(f"{venv}/bin/python", venv, (f"{venv}/bin", "/usr/local/bin", "/usr/bin", "/bin")),
        account="ada",
        account_home=user_home,
        overlay=user_home / ".hermes/profiles/.hermes-profiles/overlay/coder",
        prestart=("/opt/tools/bin/hermes-gateways", "overlay", "coder"),
        log=home / "logs/gateway.log",
    )._replace(**more)


def awkward_spec(name: str, base: Path = Path("/srv")) -> ServiceSpec:
    """Return a spec with the awkward name in every path."""
    folder = base / name
    return spec_of(
        folder / name,
        account_home=folder,
        program=Program(f"{folder}/venv/bin/python", f"{folder}/venv", (f"{folder}/bin", "/usr/bin")),
        overlay=folder / "overlay",
        prestart=(f"{folder}/bin/hermes-gateways", "overlay", name),
        log=folder / "gateway.log",
    )
