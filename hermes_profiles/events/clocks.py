"""The clocks of the machine: they show whether it was suspended, or its clock set, since an earlier moment."""

from __future__ import annotations

import time

from hermes_profiles.model.named_tuple import NamedTuple

# Seconds: less is the slewing of NTP.
_LEAST = 5.0
# Seconds between two looks at the clocks in which a watcher that runs looks at them many times. A virtual machine that
# was paused, or a group of processes that was stopped, shows in no clock.
STOOD_STILL = 45.0


class Clocks(NamedTuple):
    """The clocks at one moment: of the wall, since boot with the time asleep, and without it."""

    wall: float
    boot: float
    awake: float

    @classmethod
    def now(cls) -> Clocks:
        """Return the clocks now; macOS has no clock that counts the time asleep."""
        awake, wall = time.monotonic(), time.time()
        boot = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else awake
        return cls(wall, boot, awake)

    def jump_since(self, before: Clocks) -> str:
        """Return what happened to the clocks since an earlier moment, "" where time just passed."""
        slept = (self.boot - before.boot) - (self.awake - before.awake)
        if slept > _LEAST:
            return f"the machine was suspended for {slept:.0f} s"
        shift = (self.wall - before.wall) - (self.boot - before.boot)
        if abs(shift) > _LEAST:
            return f"the clock was set {'forward' if shift > 0 else 'back'} by {abs(shift):.0f} s"
        still = self.awake - before.awake
        if still > STOOD_STILL:
            return f"nothing ran for {still:.0f} s: the machine was suspended, or overloaded"
        return ""
