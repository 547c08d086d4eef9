"""Runs of the bytes that tokens and base64 are made of: a translated text shows the long ones. Pure."""

from __future__ import annotations

_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+/"
# For `bytes.translate`: each of them becomes `a`, any other byte a blank.
AS_RUNS = bytes(ord("a") if byte in _LETTERS else ord(" ") for byte in range(256))
