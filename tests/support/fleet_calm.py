"""An hour of what people do to a fleet on purpose, at random moments: no alert may go out.

Run as a program: Python of real Hermes, manager, seconds, number of gateways, seed. HOME belongs to the fleet. The last
printed line is JSON: the steps that were taken, the faults in the log, the messages that went out.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable

from fleet_faults import OUTBOX, FaultyFleet, sent_by

# Seconds between two steps, and for which a gateway stays stopped.
_PAUSE, _STOPPED = (5.0, 40.0), (1.0, 150.0)


class CalmFleet(FaultyFleet):
    """A fleet with one alert that is sent at once and one with the grace period, and steps on it."""

    def __init__(self, hermes: str, manager: str, count: int, seed: int) -> None:
        super().__init__(hermes, manager, count)
        self.random = random.Random(seed)
        self.taken: Counter[str] = Counter()

    def prepare(self) -> None:
        super().prepare()
        self.command("alert", "add", "usual", "--exec", f"{OUTBOX}/record {OUTBOX}/usual")

    def steps(self) -> dict[str, Callable[[str], None]]:
        """Return name → step, which gets the name of a profile."""
        kinds: dict[str, Callable[[str], None]] = {
            "restart": lambda name: self.command("restart", "--yes", name),
            "restart of all": lambda _: self.command("restart", "--yes"),
            "rolling restart": lambda _: self.command("restart", "--yes", "--rolling"),
            "stop, later start": self.stop_and_start,
            "stop of all, later start": lambda _: self.stop_and_start(*self.names),
            "install --force": lambda name: self.command("install", "--force", "--python", self.hermes, name),
            "config set": self.set_config,
            "restart by Hermes": self.reload,
        }
        return kinds

    def stop_and_start(self, *names: str) -> None:
        self.command("stop", "--yes", *names)
        time.sleep(self.random.uniform(*_STOPPED))
        self.command("start", *names)

    def set_config(self, name: str) -> None:
        self.command("config", "set", name, "display.compact", self.random.choice(("true", "false")))
        if self.random.random() < 0.5:
            self.command("restart", "--yes", name)

    def reload(self, name: str) -> None:
        """Ask the gateway to restart itself, as `systemctl reload` does."""
        self.signal(name, signal.SIGUSR1)
        self.rest()

    def step(self) -> None:
        kinds = self.steps()
        kind = self.random.choice(list(kinds))
        name = self.random.choice(self.names)
        self.said = f"{time.strftime('%H:%M:%S')} {kind}: {name}"
        print(self.said, flush=True)
        self.taken[kind] += 1
        kinds[kind](name)
        if not self.rest():
            self.fault(name, "not all gateways work", rows={n: r["state"] for n, r in self.status()[0].items()})
        for alert in ("whole", "usual"):
            for message in sent_by(alert):
                print(f"    SENT {alert}: {message}", flush=True)
        time.sleep(self.random.uniform(*_PAUSE))


def main() -> None:
    """Take steps for a time, and print what went out."""
    hermes, manager, seconds, count, seed = sys.argv[1:6]
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fleet = CalmFleet(hermes, manager, int(count), int(seed))
    with fleet.polls, fleet.topics, fleet.model:
        fleet.prepare()
        first, began = fleet.last_number(), time.monotonic()
        while time.monotonic() - began < float(seconds):
            fleet.step()
        time.sleep(120)  # what is due is sent
        events = fleet.events(first)
        sent = {name: sent_by(name) for name in ("whole", "usual")}
    fleet.run("watch", "off")
    fleet.run("stop", "--yes", "--force")
    faults = [each for each in events if each["kind"] in _FAULTS and each["cause"] not in _ON_PURPOSE]
    result = {
        "manager": manager, "seed": int(seed), "seconds": round(time.monotonic() - began), "steps": fleet.taken,
        "events": Counter(each["kind"] for each in events), "sent": sent, "unexpected": faults, "faults": fleet.faults,
    }  # fmt: skip
    print(json.dumps(result, default=str), flush=True)


_FAULTS = {"down", "degraded", "crash-looping", "unsupervised", "conflict", "port-lost", "hung", "token-refused"}
_ON_PURPOSE = {"command", "hermes", "manager"}


if __name__ == "__main__":
    main()
