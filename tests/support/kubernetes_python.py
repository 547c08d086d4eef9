"""The interpreter that has kmock and kubernetes-validate, the stand-in API server that it runs, and the real kubectls.

Both stay out of the environment of the tests: kmock brings a plugin for pytest, kubernetes-validate has 108 MB.
HERMES_KUBERNETES_PYTHON names the interpreter, HERMES_NEWEST_KUBECTL a program `kubectl`; `.ci/run` makes both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

VARIABLE = "HERMES_KUBERNETES_PYTHON"
NEWEST_VARIABLE = "HERMES_NEWEST_KUBECTL"
# Tests run without the variables of the user.
_PYTHON, _NEWEST = os.environ.get(VARIABLE, ""), os.environ.get(NEWEST_VARIABLE, "")
# What the tests with the real kubectl run with: that of the machine, and the newest one.
KUBECTLS = ("installed", "newest")
# kmock 0.8 names the core group `/v1`, prints lists without `kind`, ignores selectors, has other reasons, and applies
# to objects that exist only.
_SERVER = r"""
import asyncio, json, re, sys
import kmock

REASONS = {"Object Already Exists": "AlreadyExists", "Object Not Found": "NotFound", "Endpoint Not Found": "NotFound"}

VERBS = {"LIST": "list", "WATCH": "watch", "FETCH": "get", "CREATE": "create", "UPDATE": "patch", "DELETE": "delete"}

class Server(kmock.KubernetesEmulator):
    async def _serve_version(self, request):
        found = await super()._serve_version(request)
        return {**found, "groupVersion": found["groupVersion"].removeprefix("/")}

    async def _handle(self, request):
        key = (request.resource, request.namespace, request.name)
        if request.resource is not None and request.resource.plural:
            with open(sys.argv[1], "a") as file:
                verb = VERBS.get(getattr(request.action, "value", ""), request.method.value.lower())
                print(verb, request.resource.group, request.resource.plural, file=file)
        if "apply-patch" in request.headers.get("Content-Type", "") and key not in self.objects:
            self.objects[key] = json.loads(request.body)
        return await super()._handle(request)

    async def _serve_list(self, request):
        found = await super()._serve_list(request)
        selector = dict(request.params or {}).get("labelSelector", "")
        items = [each for each in found["items"] if matches(each, re.findall(r"[^,(]+(?:\([^)]*\))?", selector))]
        return {"kind": "List", "apiVersion": "v1", **found, "items": items}

    async def _render_error(self, error):
        if getattr(error, "reason", None) in REASONS:
            error = type("Named", (kmock.KubernetesError,), {})(
                status=error.status, reason=REASONS[error.reason], message=error.message, details={"kind": "object"})
        return await super()._render_error(error)

def matches(item, selector):
    labels = item.get("metadata", {}).get("labels", {})
    for key, several, value in (re.fullmatch(r"([^ =]+)( in )?=?(.*)", each).groups() for each in selector):
        found = labels.get(key)
        if found is None or (value and found not in value.strip("()").split(",")):
            return False
    return True

async def main():
    server = Server()
    server.resources.load_bundled()
    async with server, kmock.Server(server, port=0, host="127.0.0.1") as running:
        print(running.url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""
_CONFIG = """apiVersion: v1
kind: Config
current-context: stand-in
clusters: [{{name: stand-in, cluster: {{server: "{url}"}}}}]
contexts: [{{name: stand-in, context: {{cluster: stand-in, user: stand-in}}}}]
users: [{{name: stand-in, user: {{}}}}]
"""


def kubernetes_python() -> str:
    """Return the interpreter; skips the test without one."""
    if not _PYTHON or not Path(_PYTHON).exists():
        pytest.skip(f"{VARIABLE} names no interpreter with kmock and kubernetes-validate")
    return _PYTHON


def path_of_kubectl(which: str) -> str:
    """Return a PATH with one of the real kubectls; skips the test without it."""
    path = os.environ["PATH"]
    if which == "newest":
        if not _NEWEST or not os.access(_NEWEST, os.X_OK):
            pytest.skip(f"{NEWEST_VARIABLE} names no kubectl")
        path = f"{Path(_NEWEST).parent}:{path}"
        assert shutil.which("kubectl", path=path) == _NEWEST, f"{NEWEST_VARIABLE} names a file that is not `kubectl`"
    elif shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    return path


def write_config(folder: Path, url: str) -> Path:
    """Write a configuration of kubectl and return its path."""
    path = folder / "kubeconfig"
    path.write_text(_CONFIG.format(url=url))
    return path


@contextlib.contextmanager
def stand_in_cluster(folder: Path, which: str) -> Iterator[dict[str, str]]:
    """Run the stand-in API server; yields the environment in which a real kubectl (one of KUBECTLS) reaches it.

    The file `requests` of the folder gets a line for each request: the verb of its right, the group and the resource.
    """
    path = path_of_kubectl(which)
    python = kubernetes_python()
    with subprocess.Popen(
        [python, "-c", _SERVER, str(folder / "requests")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    ) as server:
        assert server.stdout is not None and server.stdin is not None
        try:
            config = write_config(folder, server.stdout.readline().strip())
            yield {"PATH": path, "HOME": str(folder), "KUBECONFIG": str(config)}
        finally:
            server.stdin.close()
            server.wait(10)
