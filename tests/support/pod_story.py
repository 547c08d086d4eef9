"""The pod of `render kubernetes` runs real gateways under podman, on a booted host.

Run as a program in the network of the host, with an `ssh` that reaches its root as `one`. The image is the file system
of the host itself, the volume is filled by the rendered loader, and the gateways reach a stand-in of Telegram through a
tunnel: the pod uses the network of the host. Every step asserts; the last printed line is `told`.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bot_api import BotApi
from host_tunnel import tunnel
from ruamel.yaml import YAML

SSH = sys.argv[1]
PORT = 8081
IMAGE = "localhost/hermes:1"
PROFILES = ("default", "mum", "dad")
DATA = "/var/lib/containers/storage/volumes/hermes/_data"
EARLY_STOP = 5.0
POD, CONTAINER, LOADER = "hermes-0", "hermes-0-gateways", "hermes-loader-loader"
ENV = """TELEGRAM_BOT_TOKEN=712345678{number}:CANARYpodstory{number}CANARYpodstory{number}CANARY
NO_PROXY=*
TELEGRAM_FALLBACK_IPS=149.154.167.220
HERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1
"""
# What podman needs here, and an image like that of the rendered Dockerfile: this host, with the user of the official
# image, who owns the folder of the data. tmpfs: podman stores no layers on an overlay.
SETUP = """
set -e
mount -t tmpfs tmpfs /var/lib/containers
mkdir -p /etc/containers
printf '[containers]\\npids_limit = 0\\n[engine]\\ncgroup_manager = "cgroupfs"\\n' > /etc/containers/containers.conf
echo 'hermes:x:10000:10000::/opt/data:/bin/bash' >> /etc/passwd
echo 'hermes:x:10000:' >> /etc/group
install -d -o 10000 -g 10000 /opt/data
python3 -m compileall -q /opt/hermes /opt/hp || true
tar --one-file-system -C / --exclude='./var/cache/*' --exclude='./var/lib/apt/*' --exclude='./var/tmp/*' \\
    --exclude='./root/*' --exclude='./home/*' -cf - . | TMPDIR=/var/lib/containers podman import -q - localhost/hermes:1
"""
# Children of children whose parents end first: they belong to process 1, as what a tool of an agent leaves behind.
ORPHANS = "for n in $(seq 50); do (sleep 2 &); done; sleep 1; grep -lx 'PPid:.1' /proc/[0-9]*/status | wc -l"
ZOMBIES = "sleep 3; grep -l 'State:.Z' /proc/[0-9]*/status | wc -l"
# The root is read only. podman adds the file systems below; a cluster has none of them, or none that can be written.
WRITTEN = "grep -q '^overlay / overlay ro,' /proc/mounts && find /run /var/tmp /dev/shm /dev/mqueue ! -type d"


def run(line: str, typed: str = "", code: int | None = 0) -> str:
    """Return the output of a line of shell of root on the host."""
    done = subprocess.run(
        [SSH, "-l", "root", "one", line], input=typed, capture_output=True, text=True, timeout=400, check=False
    )
    assert "CANARY" not in done.stdout + done.stderr, f"a secret was shown by {line}"
    assert code is None or done.returncode == code, f"{line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def eventually(check: Callable[[], bool], what: str, patience: float = 180) -> float:
    """Wait until something is true; return the seconds."""
    begin = time.monotonic()
    while not check():
        if time.monotonic() > begin + patience:
            raise AssertionError(f"never happened: {what}\n{run(f'podman logs --tail 200 {CONTAINER}', code=None)}")
        time.sleep(0.5)
    return time.monotonic() - begin


def rendered(name: str) -> Any:
    """Return a rendered file."""
    return YAML(typ="safe", pure=True).load(run(f"cat deploy/{name}"))


def play(*documents: Any) -> None:
    """Let podman make the objects, without their resources: those take controllers of cgroups."""
    for container in (each for document in documents for each in document["spec"].get("containers", ())):
        del container["resources"]
    run("podman kube play -q --network host -", "\n---\n".join(json.dumps(each) for each in documents))


def seed() -> None:
    """Make the root, render it, and fill the volume by the rendered loader."""
    for number, name in enumerate(PROFILES):
        home = ".hermes" if name == "default" else f".hermes/profiles/{name}"
        config = {
            "model": {"default": "none/none"},
            "platforms": {"telegram": {"enabled": True, "extra": {"base_url": f"http://127.0.0.1:{PORT}/{name}/bot"}}},
        }
        run(f"mkdir -p {home} && cat > {home}/.env && chmod 600 {home}/.env", ENV.format(number=number))
        run(f"cat > {home}/config.yaml", json.dumps(config))
    run(f"hermes-gateways render kubernetes --image {IMAGE} --timezone Europe/Berlin -o deploy --json")
    claim = rendered("pvc.yaml")
    claim["metadata"]["annotations"] = {"volume.podman.io/uid": "10000", "volume.podman.io/gid": "10000"}
    play(claim, rendered("loader.yaml"))
    run(f"tar -C .hermes -cf - . | podman exec -i {LOADER} tar -C /opt/data -xf -")
    run("podman pod rm -f -t 0 hermes-loader")


def pod() -> dict[str, Any]:
    """Return the pod that the StatefulSet makes."""
    template = rendered("statefulset.yaml")["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": POD}}


def connected() -> bool:
    """Return whether `status` in the pod says that the channel of every gateway is connected."""
    answer = run(f"podman exec {CONTAINER} hermes-gateways status --json", code=None)
    rows = json.loads(answer)["data"]["gateways"] if answer else []
    states = {row["profile"]: (row["state"], [each["state"] for each in row["channels"]]) for row in rows}
    return states == dict.fromkeys(PROFILES, ("running", ["connected"]))


def recorded() -> dict[str, str]:
    """Return the state that the gateways have recorded."""
    homes = {name: DATA if name == "default" else f"{DATA}/profiles/{name}" for name in PROFILES}
    return {
        name: json.loads(run(f"cat {home}/gateway_state.json")).get("gateway_state") for name, home in homes.items()
    }


def stop() -> float:
    """Stop the container as a kubelet does; return the seconds. It has to end by itself, with success."""
    begin = time.monotonic()
    run(f"podman stop {CONTAINER}")
    took = time.monotonic() - begin
    assert of_container("{{.State.ExitCode}}") == "0"
    return took


def start() -> float:
    """Start the container again; return the seconds until all are connected."""
    run(f"podman start {CONTAINER}")
    return eventually(connected, "three gateways are connected again")


def inside(line: str) -> str:
    """Return the output of a line of shell in the container."""
    return run(f"podman exec -i {CONTAINER} sh", line).strip()


def of_container(what: str) -> str:
    """Return what podman knows of the container."""
    return run(f"podman inspect {CONTAINER} --format '{what}'").strip()


def check_running(container: Any, api: BotApi) -> None:
    """Check the pod while it runs: its probes, its orphans, its files."""
    eventually(lambda: set(api.polls) == set(PROFILES), "every gateway polls")
    for probe in ("startupProbe", "livenessProbe"):
        run(shlex.join(("podman", "exec", CONTAINER, *container[probe]["exec"]["command"])))
    eventually(lambda: of_container("{{.State.Health.Status}}") == "healthy", "the probes of podman pass", 60)
    orphans, zombies = int(inside(ORPHANS)), int(inside(ZOMBIES))
    print(f"{orphans} processes of process 1, {zombies} zombies")
    assert orphans >= 50 and zombies == 0
    written, changed = inside(WRITTEN).split(), run(f"podman diff {CONTAINER}").split("\n")
    assert written == ["/run/.containerenv"] and not any(changed), (written, changed)


def main() -> None:
    """Tell the story."""
    begin = time.monotonic()
    run(SETUP)
    print(f"image in {time.monotonic() - begin:.1f} s")
    seed()
    made = pod()
    grace, (container,) = made["spec"]["terminationGracePeriodSeconds"], made["spec"]["containers"]
    with BotApi() as api, tunnel(SSH, "one", api, PORT):
        play(made)
        print(f"connected after {eventually(connected, 'three gateways are connected'):.1f} s")
        assert of_container("{{.Config.StopTimeout}}") == str(grace)
        check_running(container, api)
        took = stop()
        print(f"stopped in {took:.1f} s of {grace}")
        assert took < grace and recorded() == dict.fromkeys(PROFILES, "stopped")
        run(f"podman start {CONTAINER}")
        time.sleep(1)
        took = stop()
        print(f"stopped a second after its start in {took:.1f} s")
        assert took < EARLY_STOP and recorded() == dict.fromkeys(PROFILES, "stopped")
        print(f"connected after {start():.1f} s")
        run(f"podman kill -s KILL {CONTAINER}")
        assert recorded() == dict.fromkeys(PROFILES, "running")
        print(f"connected after SIGKILL and {start():.1f} s")
        assert (api.conflicts, stop() < grace, recorded()) == (0, True, dict.fromkeys(PROFILES, "stopped"))
    print("told")


if __name__ == "__main__":
    main()
