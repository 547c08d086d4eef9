"""An `ssh` for one test: the real program with a key and a configuration of the test, without files of the user."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def make_key(path: Path) -> str:
    """Make a key without a passphrase and return its public part."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=30)
    return path.with_name(f"{path.name}.pub").read_text()


def write_client(folder: Path, user: str, key: Path, hosts: Mapping[str, tuple[str, int]]) -> Path:
    """Write `ssh` into a folder for PATH and return its path. `hosts`: name → address and port."""
    rows = [f"Host {name}\n  HostName {address}\n  Port {port}\n" for name, (address, port) in hosts.items()]
    config = folder / "config"
    config.write_text(
        f"{''.join(rows)}Host *\n  User {user}\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
        f"  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    )
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
    program.chmod(0o755)
    return program
