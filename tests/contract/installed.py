"""Files of services as version 0.1.0 installed them, stored with placeholders and written into a new home.

`python tests/contract/installed.py CHECKOUT` records them again; CHECKOUT contains the package of that version.
"""

from __future__ import annotations

import hashlib
import json
import os
import plistlib
import pwd
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fakes import install_hermes, install_launchctl, install_systemctl
from recorder import Sandbox, parse_step
from scenarios import CONFIG, put, root_in

FOLDER = Path(__file__).parent / "installed"
MANAGERS = ("systemd", "supervisor", "launchd")
OURS = ".hermes/profiles/.hermes-profiles"
_MARK = re.compile(rb"^([#;] mark: sha256:)<digest>\n", re.MULTILINE)
_NOT_INSTALLED = re.compile(rf"{OURS}/(journal|staging|lock|supervisor/(lock|daemon\.lock|socket|.*\.log|.*\.pid)).*")


def build(home: Path) -> None:
    """Create a root with two profiles and the programs of the managers, without a service."""
    install_hermes(home)
    install_systemctl(home)
    install_launchctl(home)
    options = "service:\n  memory: 512M\n  cpu: 50%\n  boot_delay: 1\n  env:\n    MY_REGION: =eu\n"
    root_in(home, {"default": {}, "work": {"profile.yaml": options, "config.yaml": CONFIG}})
    put(home, {".bashrc": "# mine\n"}, mode=0o644)
    # The shim calls the program by this path.
    put(home, {"fake/hermes-profiles": f'#!/bin/sh\nexec {sys.executable} -m hermes_profiles.cli "$@"\n'}, mode=0o755)


def steps(kind: str) -> tuple[str, ...]:
    """Return the commands that install the services of a manager, or the shim."""
    if kind == "shim":
        return ("p alias work", "p shim install --shell-setup")
    awake = () if kind == "supervisor" else (f"g awake on --manager {kind}",)
    return (f"g install --manager {kind}", *awake)


def record(kind: str, code: str) -> dict[str, Any]:
    """Return path → mode and text of the files that the package in `code` installs."""
    with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
        home = Path(folder)
        sandbox = Sandbox(home, code=code)
        build(home)
        before = dict(_tree(home))
        for line in steps(kind):
            step = parse_step(line)
            done = sandbox.start(step.program, step.arguments, {}, None)
            assert done.returncode == 0, done
        found = {path: entry for path, entry in _tree(home) if before.get(path) != entry}
        sandbox.end()
    user = pwd.getpwuid(os.getuid()).pw_name
    return {path: _with_placeholders(entry, folder, user) for path, entry in sorted(found.items())}


def _tree(home: Path) -> Iterator[tuple[str, tuple[str, bytes]]]:
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if name.startswith(("fake/", "tmp/", "run/")) or _NOT_INSTALLED.fullmatch(name):
            continue
        if path.is_symlink():
            yield name, ("link", os.fsencode(os.readlink(path)))
        elif path.is_file():
            yield name, (f"{path.stat().st_mode & 0o777:04o}", path.read_bytes())


def _program(home: Path) -> str:
    """Return the program that the shim calls: beside the interpreter, else on the PATH of the home."""
    beside = os.path.join(os.path.dirname(sys.executable), "hermes-profiles")
    return beside if os.path.exists(beside) else str(home / "fake/hermes-profiles")


def _with_placeholders(entry: tuple[str, bytes], home: str, user: str) -> dict[str, Any]:
    text = entry[1].decode()
    for place, placeholder in (
        (_program(Path(home)), "<program>"),
        (home, "<home>"),
        (sys.executable, "<python>"),
    ):
        text = text.replace(place, placeholder)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:<digest>", text)
    text = re.sub(r"[0-9a-f]{16}\.sock", "<socket>.sock", text)
    text = re.sub(rf'\b(USER|LOGNAME)=("?){user}\b', r"\1=\2<user>", text)
    return {"mode": entry[0], "text": text.split("\n")}


def write(kind: str, home: Path) -> dict[str, bytes]:
    """Write the recorded files into a home; return path → content. Their checksums fit the new content."""
    stored: Mapping[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text())
    user = pwd.getpwuid(os.getuid()).pw_name
    written: dict[str, bytes] = {}
    for name, entry in sorted(stored.items(), key=lambda pair: (pair[0].count("/"), pair[0])):
        text = "\n".join(entry["text"]).replace("<home>", str(home)).replace("<python>", sys.executable)
        text = text.replace("<program>", _program(home)).replace("<socket>.sock", socket_of(home).name)
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if entry["mode"] == "link":
            path.symlink_to(text)
            continue
        content = text.replace("<user>", user).encode()
        base = written.get(name.partition(".d/")[0])
        written[name] = _with_checksums(content, base)
        path.write_bytes(written[name])
        path.chmod(int(entry["mode"], 8))
    return written


def socket_of(home: Path) -> Path:
    """Return the socket of the supervisor daemon: its name is the digest of the folder of the daemon."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(home / OURS / "supervisor"))).hexdigest()
    return home / f"run/hermes-profiles/{digest[:16]}.sock"


def _with_checksums(content: bytes, base: bytes | None) -> bytes:
    """Return the content of a service file with its checksums: of the unit it extends, and of itself."""
    if content.startswith(b"<?xml"):
        job = plistlib.loads(content.replace(b"<digest>", b"digest"))
        marks = [key for key, value in job.items() if value == "sha256:digest"]
        rest = plistlib.dumps({key: value for key, value in job.items() if key not in marks}, sort_keys=True)
        return content.replace(b"<digest>", hashlib.sha256(rest).hexdigest().encode())
    if base is not None:
        content = content.replace(b"# base: sha256:<digest>", b"# base: sha256:" + _hex(base))
    found = _MARK.search(content)
    if found is None:
        return content
    rest = content[: found.start()] + content[found.end() :]
    return content[: found.end(1)] + _hex(rest) + b"\n" + content[found.end() :]


def _hex(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def main() -> None:
    """Record the files of every manager and of the shim."""
    FOLDER.mkdir(exist_ok=True)
    for kind in (*MANAGERS, "shim"):
        found = record(kind, str(Path(sys.argv[1]).resolve()))
        (FOLDER / f"{kind}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        print(f"{kind}: {', '.join(found)}")


if __name__ == "__main__":
    main()
