"""Fake programs for the homes of the scenarios: Hermes and systemctl. Each one is a file below `fake/`."""

from __future__ import annotations

import sys
from pathlib import Path

# Writes the same pid, lock and state files as `hermes gateway run`. A file `exits` in the home holds an exit code.
GATEWAY = r"""#!{python} -IS
import fcntl, json, os, signal, sys, time
home = os.environ["HERMES_HOME"]
at = lambda name: os.path.join(home, name)
words = sys.argv[1:]
if words[:2] != ["-m", "hermes_cli.main"] or words[-2:] != ["gateway", "run"]:
    sys.exit(64)
if os.path.exists(at("exits")):
    print("giving up", flush=True)
    sys.exit(int(open(at("exits")).read()))
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
lock = open(at("gateway.lock"), "a+")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit(1)
stat = open("/proc/self/stat", "rb").read()
me = {{"pid": os.getpid(), "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"],
      "start_time": int(stat.rpartition(b")")[2].split()[19])}}
def write(name, data):
    draft = at(name + ".draft")
    open(draft, "w").write(json.dumps(data))
    os.replace(draft, at(name))
lock.truncate(0); lock.write(json.dumps(me)); lock.flush()
write("gateway.pid", me)
def state(word):
    write("gateway_state.json", {{**me, "gateway_state": word, "platforms": {{}}, "exit_reason": None}})
def planned():
    try:
        return json.load(open(at(".gateway-planned-stop.json")))["target_pid"] == os.getpid()
    except (OSError, ValueError):
        return False
state("running")
while not (told or planned()):
    time.sleep(0.02)
code = 0 if planned() else told[-1]
if code == 0:
    state("stopped")
for name in ("gateway.pid", ".gateway-planned-stop.json"):
    if os.path.exists(at(name)):
        os.unlink(at(name))
sys.exit(code)
"""

# Keeps units in a file, starts no process, and answers like systemd 252.
SYSTEMCTL = r"""#!{python} -IS
import json, os, sys
folder = os.path.join({home!r}, ".config/systemd/user")
book = os.path.join({home!r}, "fake/units.json")
words = sys.argv[1:]
if os.path.exists(os.path.join({home!r}, "fake/no-bus")) and words[:1] == ["--user"]:
    sys.exit("Failed to connect to bus: No such file or directory")
if words == ["--version"]:
    print("systemd 252 (252.38-1~deb12u1)\n+PAM +AUDIT")
    sys.exit(0)
assert words[:2] == ["--user", "--no-ask-password"], words
verb, rest = words[2], words[3:]
names = rest[rest.index("--") + 1:] if "--" in rest else []
try:
    units = json.load(open(book))
except OSError:
    units = {{}}
idle = {{"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "Result": "success", "MainPID": "0",
        "ExecMainCode": "0", "ExecMainStatus": "0", "NRestarts": "0", "UnitFileState": "disabled",
        "NeedDaemonReload": "no", "Environment": "", "Job": "", "StateChangeTimestamp": ""}}
there = lambda name: os.path.exists(os.path.join(folder, name))
link = lambda name: os.path.join(folder, "default.target.wants", name)
if verb == "show":
    wanted = next(each for each in rest if each.startswith("--property=")).partition("=")[2].split(",")
    blocks = []
    for name in names:
        if "*" in name:
            continue
        unit = units.get(name) or {{**idle, "LoadState": "loaded" if there(name) else "not-found"}}
        known = {{"Id": name, "Names": name, **unit}}
        known["UnitFileState"] = "enabled" if os.path.islink(link(name)) else "disabled"
        blocks.append("".join(f"{{each}}={{known.get(each, '')}}\n" for each in wanted))
    print("\n".join(blocks))
elif verb == "enable":
    for name in names:
        if not there(name):
            sys.exit(f"Failed to enable unit: Unit file {{name}} does not exist.")
        os.makedirs(os.path.dirname(link(name)), exist_ok=True)
        if not os.path.islink(link(name)):
            os.symlink(os.path.join(folder, name), link(name))
        units.setdefault(name, idle)["UnitFileState"] = "enabled"
elif verb == "disable":
    for name in names:
        if os.path.islink(link(name)):
            os.unlink(link(name))
        if name in units:
            units[name]["UnitFileState"] = "disabled"
elif verb in ("start", "stop", "reset-failed"):
    for name in names:
        if name not in units:
            if not there(name) or verb != "start":
                sys.exit(f"Failed to {{verb}} {{name}}: Unit {{name}} not loaded.")
            units[name] = dict(idle)
        if verb == "stop":
            units[name].update(ActiveState="inactive", SubState="dead", MainPID="0")
json.dump(units, open(book, "w"))
"""

# Keeps the loaded jobs in a file and starts no process.
LAUNCHCTL = r"""#!{python} -IS
import fcntl, json, os, plistlib, sys
guard = open(os.path.join({home!r}, "fake/jobs.lock"), "w")
fcntl.flock(guard, fcntl.LOCK_EX)
book = os.path.join({home!r}, "fake/jobs.json")
verb, *rest = sys.argv[1:]
try:
    jobs = json.load(open(book))
except OSError:
    jobs = []
label = rest[0].split("/", 2)[2] if rest and rest[0].count("/") == 2 else ""
code = 0
if verb == "list":
    print("PID\tStatus\tLabel")
    for job in jobs:
        print("-\t0\t" + job)
elif verb == "print" and not label:
    print(rest[0] + " = {{\n}}")
elif verb in ("print", "kickstart", "bootout") and label not in jobs:
    code = 113
elif verb == "print":
    print(rest[0] + " = {{\n\tstate = waiting\n}}")
elif verb == "bootstrap":
    jobs.append(plistlib.load(open(rest[1], "rb"))["Label"])
elif verb == "bootout":
    jobs.remove(label)
elif verb == "print-disabled":
    print("disabled services = {{\n}}")
json.dump(jobs, open(book, "w"))
sys.exit(code)
"""


def script(path: Path, text: str) -> Path:
    """Write a program and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def install_hermes(home: Path) -> Path:
    """Install a fake Hermes on the PATH of a home and return its interpreter, the fake gateway."""
    python = script(home / "fake/venv/bin/python", GATEWAY.format(python=sys.executable))
    (home / "fake/venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    script(home / "fake/hermes", f"#!{python}\n")
    return python


def install_systemctl(home: Path) -> None:
    """Install a fake systemctl on the PATH of a home, with a bus that is found."""
    script(home / "fake/systemctl", SYSTEMCTL.format(python=sys.executable, home=str(home)))
    script(home / "fake/loginctl", "#!/bin/sh\nexit 0\n")
    script(home / "fake/journalctl", "#!/bin/sh\nexit 0\n")
    script(home / "fake/systemd-inhibit", "#!/bin/sh\nexit 0\n")
    script(home / "fake/systemd-run", "#!/bin/sh\nexit 0\n")
    script(home / "fake/sleep", "#!/bin/sh\nexit 0\n")
    (home / "run/bus").touch()


def install_launchctl(home: Path) -> None:
    """Install a fake launchctl, caffeinate and pmset on the PATH of a home."""
    script(home / "fake/launchctl", LAUNCHCTL.format(python=sys.executable, home=str(home)))
    script(home / "fake/caffeinate", "#!/bin/sh\nexit 0\n")
    script(home / "fake/pmset", "#!/bin/sh\nexit 0\n")
