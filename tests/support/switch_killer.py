"""A program that runs one of our commands and kills itself before its n-th step: a file change or a manager call."""

from __future__ import annotations

KILLER = """
import os, signal, sys
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.systemd.manager import SystemdManager
left = int(sys.argv.pop(1))

def counted(function):
    def wrapped(*words, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*words, **more)
    return wrapped

calls = ("start", "stop", "enable", "load", "unload")
for owner, names in (
    (Files, ("replace", "rename_new", "unlink")), (SupervisorManager, calls), (SystemdManager, calls)
):
    for name in names:
        setattr(owner, name, counted(getattr(owner, name)))
from hermes_profiles.cli.profiles import main
sys.argv[0] = "hermes-profiles"
main()
"""
