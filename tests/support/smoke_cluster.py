"""A stand-in `kubectl` for the trial of a cluster: namespaces are files, and a file per fault says what goes wrong.

The folder `cluster` has `namespaces/`, `configmaps/`, `applied` (what was applied), `calls`, and the faults:
`forbidden` (no namespace can be made), `unlisted` (none can be listed), `silent` (no answer to an `apply`), `waiting`
(the reason for which the pod does not start), `probe` (the exit code of the probe), `writable` (folders that can be
written), `deaf` (SIGTERM ends nothing), `slow` (the pod does not come, and the command waits).
"""

from __future__ import annotations

import sys

from command_runner import Runner

_KUBECTL = """#!{python} -IS
import json, os, sys, time
cluster = {cluster!r}
words, namespace = sys.argv[1:], ""
while words[0].startswith("-"):
    namespace = words[1] if words[0] == "-n" else namespace
    words = words[2:]
at = lambda *names: os.path.join(cluster, *names)
exists = lambda *names: os.path.exists(at(*names))
read = lambda name: open(at(name)).read().strip()
fail = lambda text: (sys.stderr.write(text + "\\n"), sys.exit(1))
open(at("calls"), "a").write(namespace + " " + " ".join(words[:3]) + "\\n")
container = {{"name": "gateways", "image": "registry.example.org/hermes:1"}}
volumes = [{{"name": "data", "persistentVolumeClaim": {{"claimName": "family"}}}}]
spec = {{"replicas": 1, "template": {{"spec": {{"containers": [container], "volumes": volumes}}}}}}
claim = {{"accessModes": ["ReadWriteOnce"], "storageClassName": "fast"}}
if words[:1] == ["create"]:
    document = json.load(sys.stdin)
    name = document["metadata"]["name"]
    if document["kind"] == "Namespace" and exists("forbidden"):
        fail("Error from server (Forbidden): namespaces is forbidden: User ada cannot create resource namespaces")
    folder = "namespaces" if document["kind"] == "Namespace" else "configmaps"
    if exists(folder, name):
        fail("Error from server (AlreadyExists): it already exists")
    document["metadata"]["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    open(at(folder, name), "w").write(json.dumps(document))
elif words[0] == "apply":
    if exists("silent"):
        fail("Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout")
    open(at("applied"), "w").write(sys.stdin.read())
    exists("stopped") and os.unlink(at("stopped"))
elif words[0] == "get" and words[1].startswith("statefulset/") and namespace == "bots":
    print(json.dumps({{"kind": "StatefulSet", "metadata": {{"name": "family"}}, "spec": spec}}))
elif words[0] == "get" and words[1].startswith("persistentvolumeclaim/"):
    print(json.dumps({{"kind": "PersistentVolumeClaim", "spec": claim}}))
elif words[0] == "get" and words[1].startswith("configmap/"):
    print(read("configmaps/" + words[1].partition("/")[2]))
elif words[:2] == ["get", "events"]:
    print(json.dumps({{"kind": "List", "items": []}}))
elif words[:2] == ["get", "namespaces"]:
    exists("unlisted") and fail("Error from server (Forbidden): namespaces is forbidden: User ada cannot list")
    found = [json.load(open(at("namespaces", name))) for name in os.listdir(at("namespaces"))]
    print(json.dumps({{"kind": "List", "items": found}}))
elif words[0] == "get":
    status = {{"phase": "Running", "containerStatuses": [{{"state": {{"running": {{}}}}, "started": True}}]}}
    if exists("waiting"):
        waiting = {{"waiting": {{"reason": read("waiting")}}}}
        status = {{"phase": "Pending", "containerStatuses": [{{"state": waiting}}]}}
    pod = {{"kind": "Pod", "metadata": {{"name": "hermes-0"}}, "spec": {{"nodeName": "node-b"}}, "status": status}}
    is_there = not exists("slow") and not (exists("stopped") and not exists("deaf"))
    print(json.dumps({{"kind": "List", "items": [pod] if is_there else []}}))
elif words[0] == "exec":
    if ".hermes-smoke" in words[-1]:
        print(read("writable") if exists("writable") else "")
    elif exists("probe"):
        fail("supervisord does not answer\\ncommand terminated with exit code " + read("probe"))
elif words[0] == "patch":
    open(at("stopped"), "w")
elif words[:2] == ["delete", "namespace"] and exists("namespaces", words[2]):
    os.unlink(at("namespaces", words[2]))
"""


class SmokeCluster:
    """A cluster with the place `prod`, in which the StatefulSet `family` of the namespace `bots` runs."""

    def __init__(self, runner: Runner) -> None:
        self.folder = runner.user_home / "cluster"
        for name in ("namespaces", "configmaps"):
            (self.folder / name).mkdir(parents=True)
        client = runner.user_home / "client"
        client.mkdir()
        (client / "kubectl").write_text(_KUBECTL.format(python=sys.executable, cluster=str(self.folder)))
        (client / "kubectl").chmod(0o755)
        runner.environment["PATH"] = f"{client}:{runner.environment['PATH']}"
        places = runner.user_home / ".config/hermes-profiles/places.toml"
        places.parent.mkdir(parents=True)
        places.write_text('[prod]\nkubernetes = { namespace = "bots", name = "family" }\n')

    def fault(self, name: str, text: str = "") -> None:
        """Have something go wrong."""
        (self.folder / name).write_text(text)

    @property
    def namespaces(self) -> list[str]:
        """Return the namespaces that are left."""
        return [path.name for path in (self.folder / "namespaces").iterdir()]

    @property
    def calls(self) -> list[str]:
        """Return the namespace and the first words of each call."""
        return (self.folder / "calls").read_text().splitlines()
