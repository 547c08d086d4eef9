"""The dialogue of Hermes' set-up of WeChat at a terminal, and a set-up that uses the stand-in of its API."""

from __future__ import annotations

from pathlib import Path

from pty_terminal import Terminal

# WeChat's address is a constant of Hermes; tests replace it by the stand-in's.
_AIMED = """
import os
if os.environ.get("ILINK_STAND_IN"):
    try:
        import gateway.platforms.weixin as weixin
    except ImportError:
        pass
    else:
        weixin.ILINK_BASE_URL = os.environ["ILINK_STAND_IN"]
"""


def aim_at_stand_in(folder: Path) -> Path:
    """Return a folder for PYTHONPATH that sends Hermes to the address in ILINK_STAND_IN."""
    aimed = folder / "aimed"
    aimed.mkdir()
    (aimed / "sitecustomize.py").write_text(_AIMED)
    return aimed


def answer_set_up(terminal: Terminal, choose: str = "allow") -> None:
    """Answer the questions of the set-up. `choose`: `allow`: the user who scanned may talk; else the first choice."""
    terminal.expect("Start QR login now?")
    terminal.type("\n")
    terminal.expect("https://example.invalid/code")
    terminal.expect("direct messages be authorized")
    terminal.type("\x1b[B\x1b[B\n" if choose == "allow" else "\n")
    if choose == "allow":
        terminal.expect("Allowed Weixin user IDs")
        terminal.type("\n")
    terminal.expect("group chats be handled")
    terminal.type("\n")
    terminal.expect("as the home channel?")
    terminal.type("\n")
