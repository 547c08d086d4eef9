"""A stand-in `kubectl` on PATH: a pod is a folder, and the commands run in it run here with that folder as their home.

The folder `cluster` has: `state.json`, the StatefulSet and the pod that `get` prints; `loader.json`, the loader; `up`,
while the pod runs; `configmaps/`, one file for each; `patches`, what was patched; `calls`, the first words of each
call; `forbidden`, while the API server refuses all. With a file `runs`, the pod is a process: one replica without a
loader starts `hermes-gateways run`, none ends it. With a file `stuck` the pod stays what it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from command_runner import Runner

_KUBECTL = """#!{python} -IS
import json, os, subprocess, sys, time
cluster = {cluster!r}
words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2:]
at = lambda *names: os.path.join(cluster, *names)
fail = lambda text: (sys.stderr.write(text + "\\n"), sys.exit(1))
if os.path.exists(at("forbidden")) and words[0] != "auth":
    fail("Error from server (Forbidden): statefulsets.apps is forbidden: User \\"ada\\" cannot patch it")
open(at("calls"), "a").write(" ".join(words[:3]) + "\\n")
home = at("home")
environment = {{**os.environ, "HOME": home, "PATH": home + "/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR": home + "/run"}}
for name in ("HERMES_HOME", "PYTHONWARNINGS"):  # supervisord would inherit the second with all others
    environment.pop(name, None)
load = lambda name: json.load(open(at(name)))
keep = lambda name, data: json.dump(data, open(at(name), "w"))

def reconcile():
    state = load("state.json")
    stateful = state["items"][0]
    wanted = stateful["spec"]["replicas"] == 1 and not os.path.exists(at("loader.json"))
    has_pod = os.path.exists(at("pod.pid")) or not os.path.exists(at("runs"))
    if wanted and not has_pod:
        log = os.open(at("run.log"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        words = [home + "/bin/hermes-gateways", "run", "--inherit", "*"]
        process = subprocess.Popen(words, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
        open(at("pod.pid"), "w").write(str(process.pid))
        probe = [home + "/bin/hermes-gateways", "status", "--check"]
        for _ in range(60):
            if subprocess.call(probe, env=environment, stdout=log, stderr=log) == 0:
                break
            time.sleep(0.1)
        open(at("up"), "w")
    if not wanted and os.path.exists(at("pod.pid")):
        pid = int(open(at("pod.pid")).read())
        os.path.exists(at("up")) and os.unlink(at("up"))
        os.kill(pid, 15)
        while not ended(pid):
            time.sleep(0.02)
        os.unlink(at("pod.pid"))
    pod = {{"kind": "Pod", "metadata": {{"name": "family-0"}}, "status": {{"phase": "Running"}}}}
    keep("state.json", {{**state, "items": [stateful] + ([pod] if wanted else [])}})

def ended(pid):
    try:
        return open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True

if words[0] == "exec":
    loader = "family-loader" in words[:words.index("--")]
    is_up = os.path.exists(at("up")) and len(load("state.json")["items"]) == 2
    if not (os.path.exists(at("loader.json")) if loader else is_up):
        fail("error: unable to upgrade connection: container not found")
    os.chdir(home)
    code = os.spawnvpe(os.P_WAIT, "sh", words[words.index("--") + 1:], environment)
    if code:
        sys.stderr.write("command terminated with exit code %d\\n" % code)
    sys.exit(code)
if words[0] == "patch":
    text = words[words.index("-p") + 1]
    open(at("patches"), "a").write(text + "\\n")
    patch, state = json.loads(text), load("state.json")
    stateful = state["items"][0]
    noted = stateful["metadata"].setdefault("annotations", {{}})
    noted.update(patch["metadata"]["annotations"])
    stateful["metadata"]["annotations"] = {{key: text for key, text in noted.items() if text is not None}}
    stateful["spec"].update(patch["spec"])
    stuck = os.path.exists(at("stuck"))
    keep("state.json", {{**state, "items": [stateful] + (state["items"][1:] if stuck else [])}})
    stuck or reconcile()
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
    if document["kind"] == "Pod":
        if os.path.exists(at("loader.json")):
            fail("Error from server (AlreadyExists): it already exists")
        keep("loader.json", {{**document, "status": {{"phase": "Running"}}}})
        sys.exit()
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
    state = load("state.json")
    state["items"] += [load("loader.json")] if os.path.exists(at("loader.json")) else []
    print(json.dumps(state))
elif words[:2] == ["delete", "pod"]:
    if os.path.exists(at("loader.json")):
        os.unlink(at("loader.json"))
    reconcile()
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
        self.environment = runner.environment
        (self.folder / "up").touch()
        self.state({"phase": "Running"})

    def state(self, status: dict[str, Any] | None, replicas: int = 1, **metadata: str) -> None:
        """Set the pod and the StatefulSet that `get` prints; `status` None: there is no pod."""
        mounts = [{"name": "data", "mountPath": "/opt/data"}]
        pod = {
            "containers": [{"name": "gateways", "image": "registry.example.org/hermes:1", "volumeMounts": mounts}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "family"}}],
        }
        spec = {"replicas": replicas, "template": {"spec": pod}}
        items = [
            {"kind": "StatefulSet", "metadata": {"name": "family"}, "spec": spec},
            {
                "kind": "Pod", "metadata": {"name": "family-0", **metadata}, "spec": {"nodeName": "node-b"},
                "status": status,
            },
        ][: 1 if status is None else 2]  # fmt: skip
        (self.folder / "state.json").write_text(json.dumps({"kind": "List", "items": items}))

    def run(self) -> None:
        """Have the pod be a process that runs the gateways of its root."""
        (self.folder / "runs").touch()
        (self.folder / "home" / "run").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "up").unlink()
        self.state({"phase": "Running"}, replicas=0)
        self.kubectl("patch", "statefulset/family", "-p", '{"metadata": {"annotations": {}}, "spec": {"replicas": 1}}')
        (self.folder / "patches").unlink()

    def kubectl(self, *words: str) -> None:
        """Run the stand-in, as another user of the cluster."""
        subprocess.run(["kubectl", *words], env=self.environment, check=True)

    @property
    def calls(self) -> list[str]:
        """Return the first words of each call."""
        return (self.folder / "calls").read_text().splitlines()

    @property
    def loader(self) -> Path:
        """Return the file of the loader, which exists while the loader does."""
        return self.folder / "loader.json"

    @property
    def patches(self) -> list[Any]:
        """Return what was patched."""
        path = self.folder / "patches"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
