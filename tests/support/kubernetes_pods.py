"""A stand-in `kubectl` on PATH: a pod is a folder, and the commands run in it run here with that folder as their home.

The folder `cluster` has: `state.json`, what `get` prints; `up`, while the pod runs; `configmaps/`, one file for each;
`patches`, what was patched; `forbidden`, while the API server refuses all.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from command_runner import Runner

_KUBECTL = """#!{python} -IS
import json, os, sys
cluster = {cluster!r}
words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2:]
at = lambda *names: os.path.join(cluster, *names)
fail = lambda text: (sys.stderr.write(text + "\\n"), sys.exit(1))
if os.path.exists(at("forbidden")) and words[0] != "auth":
    fail("Error from server (Forbidden): statefulsets.apps is forbidden: User \\"ada\\" cannot patch it")
if words[0] == "exec":
    if not os.path.exists(at("up")):
        fail("error: unable to upgrade connection: container not found")
    home = at("home")
    environment = {{**os.environ, "HOME": home, "PATH": home + "/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR": home + "/run"}}
    environment.pop("HERMES_HOME", None)
    os.chdir(home)
    code = os.spawnvpe(os.P_WAIT, "sh", words[words.index("--") + 1:], environment)
    if code:
        sys.stderr.write("command terminated with exit code %d\\n" % code)
    sys.exit(code)
if words[0] == "patch":
    open(at("patches"), "a").write(words[words.index("-p") + 1] + "\\n")
    state = json.load(open(at("state.json")))
    state["items"] = state["items"][:1]
    state["items"][0]["spec"] = json.loads(words[words.index("-p") + 1])["spec"]
    json.dump(state, open(at("state.json"), "w"))
elif words[0] == "scale":
    state = json.load(open(at("state.json")))
    state["items"][0]["spec"]["replicas"] = int(words[words.index("--replicas") + 1])
    json.dump(state, open(at("state.json"), "w"))
elif words[0] == "auth":
    print("Resources   Verbs\\nconfigmaps  [get list create delete]")
elif words[:2] == ["delete", "configmap"] and "--selector" not in words:
    os.unlink(at("configmaps", words[2]))
elif words[0] == "create":
    document = json.load(sys.stdin)
    try:
        descriptor = os.open(at("configmaps", document["metadata"]["name"]), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        fail("Error from server (AlreadyExists): it already exists")
    os.write(descriptor, json.dumps(document).encode())
elif words[0] == "get" and words[1].startswith("configmap/"):
    print(open(at("configmaps", words[1].partition("/")[2])).read())
elif words[0] == "get" and words[1] == "configmaps":
    folder = at("configmaps")
    print(json.dumps({{"kind": "List", "items": [json.load(open(at("configmaps", n))) for n in os.listdir(folder)]}}))
elif words[0] == "get":
    print(open(at("state.json")).read())
elif words[0] == "delete":
    selector = words[words.index("--selector") + 1]
    for name in os.listdir(at("configmaps")):
        labels = json.load(open(at("configmaps", name)))["metadata"]["labels"]
        if "hermes-profiles.io/owner=" + labels["hermes-profiles.io/owner"] + "," in selector:
            os.unlink(at("configmaps", name))
"""
_PROGRAM = """#!/bin/sh
exec {python} -m hermes_profiles.cli{module} "$@"
"""


class KubernetesPods:
    """A StatefulSet `family` in the namespace `bots`, whose pod has a root with a profile `default`."""

    def __init__(self, runner: Runner) -> None:
        self.folder = runner.user_home / "cluster"
        (self.folder / "configmaps").mkdir(parents=True)
        home = self.folder / "home"
        (home / "bin").mkdir(parents=True)
        (home / ".hermes").mkdir()
        for program, module in (("hermes-gateways", ".gateways"), ("hermes-profiles", "")):
            _script(home / "bin" / program, _PROGRAM.format(python=sys.executable, module=module))
        client = runner.user_home / "client"
        client.mkdir(exist_ok=True)
        _script(client / "kubectl", _KUBECTL.format(python=sys.executable, cluster=str(self.folder)))
        runner.environment["PATH"] = f"{client}:{runner.environment['PATH']}"
        (self.folder / "up").touch()
        self.state({"phase": "Running"})

    def state(self, status: dict[str, Any], replicas: int = 1) -> None:
        """Set the pod and the StatefulSet that `get` prints."""
        items = [
            {"kind": "StatefulSet", "metadata": {"name": "family"}, "spec": {"replicas": replicas}},
            {"kind": "Pod", "metadata": {"name": "family-0"}, "spec": {"nodeName": "node-b"}, "status": status},
        ]
        (self.folder / "state.json").write_text(json.dumps({"kind": "List", "items": items}))

    @property
    def patches(self) -> list[Any]:
        """Return what was patched."""
        path = self.folder / "patches"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
