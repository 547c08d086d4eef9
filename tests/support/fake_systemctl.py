"""A fake systemctl: it keeps units in memory, starts nothing, and prints like systemd 252."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from hermes_profiles.services.run_command import Finished

_IDLE = {
    "LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "Result": "success", "MainPID": "0",
    "ExecMainCode": "0", "ExecMainStatus": "0", "NRestarts": "0", "UnitFileState": "disabled",
    "NeedDaemonReload": "no", "Environment": "", "Job": "", "StateChangeTimestamp": "",
}  # fmt: skip


class FakeSystemctl:
    """Runs `systemctl`, `loginctl` and `journalctl`; records their arguments and environments.

    `folder` holds the unit files; `answers` replaces the answer to a verb by a finished program.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units: dict[str, dict[str, str]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.environments: list[Mapping[str, str]] = []
        self.answers: dict[str, Finished] = {}

    def __call__(self, words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Finished:
        words = tuple(words)
        self.calls.append(words)
        self.environments.append(dict(environment))
        if words[:2] == ("systemctl", "--version"):
            return self.answers.get("--version") or Finished(0, "systemd 252 (252.38-1~deb12u1)\n+PAM +AUDIT\n", "")
        if words[0] != "systemctl":
            return self.answers.get(words[0]) or Finished(0, "", "")
        assert words[:3] == ("systemctl", "--user", "--no-ask-password"), words
        verb, names = words[3], words[words.index("--") + 1 :] if "--" in words else ()
        if verb in self.answers:
            return self.answers[verb]
        answer: Finished = getattr(self, "_" + verb.replace("-", "_"))(words[4:], names)
        return answer

    @property
    def verbs(self) -> list[str]:
        """Return the verbs of the `systemctl --user` calls, in order."""
        return [words[3] for words in self.calls if words[1:2] == ("--user",)]

    def put(self, unit: str, **properties: str) -> None:
        """Load a unit with properties that differ from an idle one."""
        self.units[f"{unit}.service"] = _IDLE | properties

    def _show(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        wanted = next(each for each in options if each.startswith("--property=")).partition("=")[2].split(",")
        blocks = []
        for name in names:
            if "*" in name:  # a pattern matches only loaded units that are not idle
                blocks += [
                    self._block(each, unit, wanted) for each, unit in self.units.items()
                    if fnmatchcase(each, name) and (unit["ActiveState"] != "inactive" or unit["Job"])
                ]  # fmt: skip
            elif name in self.units:
                blocks.append(self._block(name, self.units[name], wanted))
            else:
                loaded = "loaded" if (self.folder / name).exists() else "not-found"
                blocks.append(self._block(name, _IDLE | {"LoadState": loaded}, wanted))
        return Finished(0, "\n".join(blocks), "")

    def _block(self, name: str, unit: Mapping[str, str], wanted: Sequence[str]) -> str:
        known = {"Id": name, "Names": name, **unit}
        # The order of the real answer is unspecified.
        return "".join(f"{each}={known[each]}\n" for each in sorted(wanted, reverse=True))

    def _daemon_reload(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        return Finished(0, "", "")

    def _enable(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        for name in names:  # the first invalid name fails the whole call
            if not (self.folder / name).exists():
                return Finished(1, "", f"Failed to enable unit: Unit file {name} does not exist.\n")
            if self.units.get(name, {}).get("UnitFileState") == "bad":
                place = self.folder / "default.target.wants" / name
                return Finished(1, "", f"Failed to enable unit: File {place} already exists and is a symlink to /x.\n")
        for name in names:
            link = self.folder / "default.target.wants" / name
            link.parent.mkdir(exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(self.folder / name)
            self.units.setdefault(name, dict(_IDLE))["UnitFileState"] = "enabled"
        return Finished(0, "", "")

    def _disable(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        for name in names:
            link = self.folder / "default.target.wants" / name
            if not (self.folder / name).exists() and not link.is_symlink():
                return Finished(1, "", f"Failed to disable unit: Unit file {name} does not exist.\n")
            link.unlink(missing_ok=True)
        for name in names:
            if name in self.units:
                self.units[name]["UnitFileState"] = "disabled"
        return Finished(0, "", "")

    def _reset_failed(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        errors = ""
        for name in names:
            if name not in self.units:
                errors += f"Failed to reset failed state of unit {name}: Unit {name} not loaded.\n"
            elif self.units[name]["ActiveState"] == "failed":
                self.units[name] |= {"ActiveState": "inactive", "Result": "success"}
        return Finished(1 if errors else 0, "", errors)

    def _start(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        errors = ""
        for name in names:
            unit = self.units.get(name) or (dict(_IDLE) if (self.folder / name).exists() else None)
            if unit is None:
                errors += f"Failed to start {name}: Unit {name} not found.\n"
            elif unit["LoadState"] == "bad-setting":
                errors += f"Failed to start {name}: Unit {name} has a bad unit file setting.\n"
                errors += f"See user logs and 'systemctl --user status {name}' for details.\n"
            elif unit["LoadState"] == "masked":
                errors += f"Failed to start {name}: Unit {name} is masked.\n"
            else:
                self.units[name] = unit | {"ActiveState": "active", "SubState": "running", "MainPID": "4711"}
        return Finished(5 if errors else 0, "", errors)

    def _stop(self, options: Sequence[str], names: Sequence[str]) -> Finished:
        errors = ""
        for name in names:
            if name not in self.units:
                errors += f"Failed to stop {name}: Unit {name} not loaded.\n"
            else:
                self.units[name] |= {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
        return Finished(5 if errors else 0, "", errors)
