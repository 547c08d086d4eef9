"""Earlier credentials of channels, which a source can still hold: none is in a clone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from clone_source import Files, canary, clone, make_layout, write_files

from hermes_profiles.credentials.policy import Channels, ClonePolicy

OLD = "xk3p9wq7canary0abcdefgh1jk"
ENV = "OPENAI_API_KEY=sk-CANARYmodel0123\nMATTERMOST_TOKEN=zz3p9wq7canary0abcdefgh1jk\n"
BLOCK = f"platforms:\n  mattermost:\n    enabled: true\n    token: {OLD}\n"
JOURNAL = "profiles/.hermes-profiles/journal/20261130T000000Z-0a0a/0.old"
PLACES: dict[str, Files] = {
    "journal": {JOURNAL: f"MATTERMOST_TOKEN={OLD}\n"},
    "settings in the journal": {JOURNAL: BLOCK},
    "copy": {".env.bak": f"export MATTERMOST_TOKEN='{OLD}' # of May\n"},
    "copy of settings": {"config.yaml.old": BLOCK},
    "copy in a skill": {"skills/b/.env": f"MATTERMOST_TOKEN={OLD}\n"},
    "snapshot of an update": {"state-snapshots/20261101-pre/.env": f"MATTERMOST_TOKEN={OLD}\n"},
}


@pytest.mark.parametrize("place", PLACES)
def test_earlier_credential_is_redacted_and_reported_with_its_name(tmp_path: Path, place: str) -> None:
    files = {".env": ENV, "SOUL.md": f"You are\nthe bot {OLD}.\n", "skills/a/s.sh": f"X={OLD}\n", **PLACES[place]}
    layout = make_layout(tmp_path, files)
    assert str(layout.state) == os.path.join(layout.root, "profiles/.hermes-profiles")
    made = clone(layout)
    name = "platforms.mattermost.token" if "settings" in place else "MATTERMOST_TOKEN"
    assert {("SOUL.md", 2, name), ("skills/a/s.sh", 1, name)} <= made.redacted()
    assert OLD not in made.text("SOUL.md") + made.text("skills/a/s.sh")


def test_earlier_values_of_shared_keys_stay(tmp_path: Path) -> None:
    key, home = canary("model"), "chat.canary.org"
    before = f"OPENAI_API_KEY={key}\nMATTERMOST_URL={home}\nMATTERMOST_TOKEN=your_token_here\nTELEGRAM_BOT_TOKEN=\n"
    text = f"{key} {home} your_token_here {OLD}\n"
    files = {".env": f"{ENV}MCP_CHAT_TOKEN={OLD}\n", ".env.bak": f"{before}MATTERMOST_TOKEN={OLD}\n", "SOUL.md": text}
    made = clone(make_layout(tmp_path, files))
    assert made.text("SOUL.md") == text and f"MCP_CHAT_TOKEN={OLD}\n" in made.text(".env")


@pytest.mark.parametrize(
    "policy", [ClonePolicy(channels=Channels.CLONE), ClonePolicy(keep=frozenset({"MATTERMOST_TOKEN"}))]
)
def test_earlier_credential_of_a_channel_that_is_kept_stays(tmp_path: Path, policy: ClonePolicy) -> None:
    layout = make_layout(tmp_path, {".env": ENV, "SOUL.md": OLD})
    write_files(layout.root, PLACES["journal"])
    assert clone(layout, policy=policy).text("SOUL.md") == OLD
