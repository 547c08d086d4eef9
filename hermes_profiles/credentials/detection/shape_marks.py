"""Finds out fast that a text has no secret with a known form, so that the forms are not even loaded. Pure."""

from __future__ import annotations

from hermes_profiles.model.patterns import lazy_pattern

# A text without any of these, and without a run below, has none of `secret_shapes.SHAPES`; a test compares them.
MARKS = (
    "xox", "xapp-", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "AIza", "AKIA", "eyJ", "PRIVATE KEY",
    "Bearer ", "bearer ", "BEARER ", "://", "/api/webhooks/", "hooks.slack", "mfa.", "/webhooks/", "EAA", "@im.bot",
    "syt_", "syr_", "mat_", "mct_", "mcr_", "mar_", "Es", "MDAx", "SK", "/webhookb2/", "outlook.office", "/workflows/",
    "chat.googleapis.com", "/open-apis/bot/", "/robot/send", "SEC", "/webhook/send", "/1O/w1cDnyilFU=", "/hooks/",
    "attermost", "MATTERMOST", "tk_", "nsec1", "8Q~", "7Q~", "/trigger-webhook/",
    "botbuilder.", "/webhook/upload_media",
)  # fmt: skip
# The shapes whose mark is ":" or ".", which most texts have: each letter, digit, `_` and `-` is an `a` here.
RUNS = (b":" + b"a" * 20, b"." + b"a" * 6 + b"." + b"a" * 27, b"." + b"a" * 32)
_HALF = lazy_pattern(r"(?<![0-9])[0-9]{6,12}:([A-Za-z0-9_-]{30,})")
_WORD = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_AS_RUNS = bytes.maketrans(_WORD, b"a" * len(_WORD))


def may_have_mark(text: str) -> bool:
    """Return False when no part of a text has the form of a secret; it errs towards True."""
    for mark in MARKS:
        if mark in text:
            return True
    runs = text.encode("utf-8", "replace").translate(_AS_RUNS)
    return RUNS[0] in runs or RUNS[1] in runs or RUNS[2] in runs


def halves_of_bots(value: str) -> list[str]:
    """Return the tokens of Telegram in a value, each without the id of its bot: the id is public, the rest is not."""
    return _HALF.findall(value) if ":" in value else []
