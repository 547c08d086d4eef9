"""Published forms of the credentials of channels: a token is recognised by its form, under any name or none. Data.

The forms are those of the platforms' own documentation and of public secret scanners. Channels whose credential has no
form of its own (a password, a number) have no row: the name beside the value finds those, see `mentions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import apart

from ..search.letter_runs import AS_RUNS


class IdentityShape(NamedTuple):
    """The published form of one kind of credential.

    `marks`: a text without any of them cannot match; `anchor`: a pattern that begins with a literal, for a search that
    is 500 times faster than one for `pattern`; `lead`: characters of the credential in front of the anchor or mark, at
    most; `certain`: nothing else has this form, and nothing but the channel needs it, so a copy must not have it;
    `hidden`: the value gives access and is never shown. A group in `pattern` is the credential, where words around it
    are a part of the form.
    """

    kind: str
    channel: str | None
    marks: tuple[str, ...]
    pattern: str
    certain: bool = True
    hidden: bool = True
    anchor: str = ""
    lead: int = 0


class Sighting(NamedTuple):
    """A part of a text that has the form of a credential."""

    start: int
    end: int
    shape: IdentityShape


_HEX = "[0-9a-fA-F]"
_UUID = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_BASE58 = "[1-9A-HJ-NP-Za-km-z]"
# No letter or digit before and behind; `_` can end another word (`token_xoxb-…`).
_NOT_IN_WORD = r"(?<![A-Za-z0-9])"
_END = r"(?![A-Za-z0-9])"
# Names in code can have this form; mostly they have no digit in the first or third part.
_DISCORD_BOT = rf"(?=[\w-]*\d|[\w-]+\.[\w-]+\.[\w-]*\d)[MNO][\w-]{{22,28}}\.[\w-]{{6}}\.[\w-]{{27,45}}{_END}"

# Patterns are for `re.ASCII`.
IDENTITY_SHAPES: tuple[IdentityShape, ...] = (
    # No boundary of a word in front: `https://api.telegram.org/bot<token>/`.
    IdentityShape(
        "Telegram bot token", "telegram", (":AA",), r"(?<!\d)\d{6,12}:AA[\w-]{27,}", anchor=r":AA[\w-]{27}", lead=14
    ),
    IdentityShape(
        "Telegram bot token",
        "telegram",
        (":",),
        rf"(?<!\d)\d{{8,10}}:(?=[\w-]*[A-Z])[\w-]{{35}}{_END}",
        anchor=r":[\w-]{35}",
        lead=14,
    ),
    IdentityShape(
        "text like a Telegram bot token",
        "telegram",
        (":",),
        r"(?<!\d)\d{6,12}:[\w-]{30,}",
        certain=False,
        anchor=r":[\w-]{30}",
        lead=14,
    ),
    IdentityShape(
        "Discord bot token",
        "discord",
        (".",),
        # The id of the bot, a number in base64, begins so.
        rf"(?<![A-Za-z0-9-])(?=[MNO][DTjz]){_DISCORD_BOT}",
        anchor=r"\.[\w-]{6}\.[\w-]{27}",
        lead=32,
    ),
    IdentityShape(
        "text like a Discord bot token",
        "discord",
        (".",),
        rf"(?<![A-Za-z0-9-])(?=[MNO][^DTjz]){_DISCORD_BOT}",
        certain=False,
        anchor=r"\.[\w-]{6}\.[\w-]{27}",
        lead=32,
    ),
    IdentityShape("Discord user token", "discord", ("mfa.",), r"(?<![\w-])mfa\.[\w-]{60,}"),
    IdentityShape(
        "Discord webhook",
        "discord",
        ("/webhooks/",),
        r"(?:https?://)?(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{16,20}/[\w-]{30,}",
        lead=64,
    ),
    # The address of a notification of Apprise and of shoutrrr has the secrets of the webhook in it.
    IdentityShape(
        "Discord webhook",
        "discord",
        ("discord://",),
        r"discord://(?:[\w.-]+@)?(?:\d{16,20}/[\w-]{40,}|[\w-]{40,}@\d{16,20})",
    ),
    IdentityShape(
        "Slack webhook",
        "slack",
        ("slack://",),
        r"slack://(?:(?:[\w.-]+@)?T\w{6,}/[AB]\w{6,}/\w{20,}|hook:T\w{6,}-B\w{6,}-\w{20,}|xox[a-z]:[\w-]{20,})",
    ),
    IdentityShape("Slack token", "slack", ("xox",), rf"{_NOT_IN_WORD}xox[a-z]-(?:\d-)?[A-Za-z0-9-]{{14,}}"),
    IdentityShape("Slack token", "slack", ("xoxe.xox",), rf"{_NOT_IN_WORD}xoxe\.xox[a-z]-[A-Za-z0-9-]{{14,}}"),
    IdentityShape("Slack app token", "slack", ("xapp-",), rf"{_NOT_IN_WORD}xapp-[A-Za-z0-9-]{{14,}}"),
    IdentityShape(
        "Slack webhook",
        "slack",
        ("hooks.slack",),
        r"(?:https?://)?hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/\w+/[\w/-]{8,}",
        lead=64,
    ),
    # Webhooks of before 2013 and of Slackbot, which still work: the token is a parameter, or the end of the path.
    IdentityShape(
        "Slack webhook",
        "slack",
        ("/services/hooks/",),
        r"(?:https?://)?(?:[\w-]+\.){1,3}slack(?:-gov)?\.com/services/hooks/[\w-]+"
        rf"(?:/|/?\?(?:[^\s\"'<>`]*[&;?])?token=)[A-Za-z0-9]{{20,32}}{_END}",
        lead=120,
    ),
    IdentityShape(
        "WhatsApp Cloud token",
        "whatsapp_cloud",
        ("EAA",),
        r"(?<![A-Za-z0-9+/_-])EAA[A-Za-z0-9]{60,}(?![A-Za-z0-9+/=])",
        anchor=r"EAA[A-Za-z0-9]{60}",
    ),
    IdentityShape(
        "text like a WhatsApp Cloud token",
        "whatsapp_cloud",
        ("EAA",),
        r"(?<![A-Za-z0-9+/_-])EAA[A-Za-z0-9]{24,59}(?![A-Za-z0-9+/=])",
        certain=False,
        anchor=r"EAA[A-Za-z0-9]{24}",
    ),
    IdentityShape("WeChat iLink token", "weixin", ("@im.bot:",), r"[\w-]{4,}@im\.bot:[\w-]{12,}", lead=64),
    IdentityShape(
        "WeChat iLink account",
        "weixin",
        ("@im.bot",),
        r"[\w-]{4,}@im\.bot\b(?!:)",
        certain=False,
        hidden=False,
        lead=64,
    ),
    IdentityShape(
        "Matrix access token",
        "matrix",
        ("syt_", "syr_"),
        rf"{_NOT_IN_WORD}sy[tr]_(?:[A-Za-z0-9+/=-]+_[A-Za-z0-9]{{16,24}}_[A-Za-z0-9]{{6}}|[A-Za-z0-9_-]{{24,}}){_END}",
    ),
    IdentityShape(
        "Matrix access token",
        "matrix",
        ("mat_", "mct_", "mcr_", "mar_"),
        rf"{_NOT_IN_WORD}m(?:at|ct|cr|ar)_[A-Za-z0-9]{{20,}}_[A-Za-z0-9]{{6}}{_END}",
        anchor=r"m[acr][crt]_[A-Za-z0-9]{20}",
    ),
    IdentityShape(
        "Matrix recovery key",
        "matrix",
        ("Es",),
        rf"{_NOT_IN_WORD}Es[T-Z]{_BASE58}(?:[ \t]{_BASE58}{{4}}){{11}}(?![A-Za-z0-9])",
        anchor=r"Es[T-Z]\w\s\w{4}\s",
    ),
    IdentityShape(
        "Matrix recovery key",
        "matrix",
        ("Es",),
        rf"(?<![A-Za-z0-9+/_-])Es[T-Z](?=[A-Za-z]*\d){_BASE58}{{45}}(?![A-Za-z0-9+/=_-])",
        anchor=rf"Es[T-Z]{_BASE58}{{45}}",
    ),
    IdentityShape(
        "text like an old Matrix access token", "matrix", ("MDAx",), r"(?<![\w+/-])MDAx[\w-]{100,}", certain=False
    ),
    IdentityShape(
        "Twilio API key",
        "sms",
        ("SK",),
        rf"{_NOT_IN_WORD}SK[0-9a-z]{{32}}{_END}",
        certain=False,
        anchor=r"SK[0-9a-z]{32}",
    ),
    IdentityShape(
        "Twilio account",
        "sms",
        ("AC",),
        rf"{_NOT_IN_WORD}AC[0-9a-z]{{32}}{_END}",
        certain=False,
        hidden=False,
        anchor=r"AC[0-9a-z]{32}",
    ),
    IdentityShape(
        "Teams webhook",
        "teams",
        ("/webhookb2/", "outlook.office"),
        r"(?:https?://)?[\w.-]*(?:webhook\.office|outlook\.office(?:365)?)\.com/webhook(?:b2)?/[\w@/-]{30,}",
        lead=120,
    ),
    IdentityShape(
        "Teams webhook",
        "teams",
        ("msteams://",),
        rf"msteams://(?:[\w.-]+/)?{_UUID}@{_UUID}/{_HEX}{{32}}/{_UUID}",
    ),
    IdentityShape(
        "Teams workflow webhook",
        "teams",
        ("/workflows/",),
        r"(?:https?://)?[\w.-]+\.(?:logic\.azure\.com|powerplatform\.com)(?::\d+)?/[\w/-]*workflows/[^\s\"'<>`]*"
        r"[?&;]sig=[\w%-]{20,}",
        lead=120,
    ),
    IdentityShape(
        "Google Chat webhook",
        "google_chat",
        ("chat.googleapis.com",),
        r"(?:https?://)?chat\.googleapis\.com/v1/spaces/[\w-]+/messages\?[^\s\"'<>`]*(?:key|token)=[\w%.-]{20,}",
        lead=64,
    ),
    IdentityShape(
        "Feishu or Lark webhook",
        "feishu",
        ("/open-apis/bot/",),
        rf"(?:https?://)?open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/(?:v2/)?hook/(?:{_UUID}|[\w-]{{20,}})",
        lead=64,
    ),
    IdentityShape(
        "Feishu or Lark webhook",
        "feishu",
        ("/trigger-webhook/", "botbuilder."),
        rf"(?:https?://)?[\w-]+\.(?:feishu\.cn|larksuite\.com)/(?:flow/api/trigger-webhook|webhook)/{_HEX}{{32}}{_END}",
        lead=64,
    ),
    IdentityShape(
        "Feishu or Lark webhook",
        "feishu",
        ("feishu://", "lark://"),
        rf"(?:feishu|lark)://(?:{_UUID}|{_HEX}{{32}}){_END}",
    ),
    IdentityShape(
        "Feishu or Lark app id",
        "feishu",
        ("cli_",),
        rf"{_NOT_IN_WORD}cli_{_HEX}{{16}}{_END}",
        certain=False,
        hidden=False,
    ),
    IdentityShape(
        "DingTalk webhook",
        "dingtalk",
        ("/robot/send",),
        rf"(?:https?://)?(?:oapi|api)\.dingtalk\.com/(?:v[\d.]+/)?robot/send[^\s\"'<>`]*access_token={_HEX}{{32,64}}",
        lead=64,
    ),
    IdentityShape("DingTalk webhook", "dingtalk", ("dingtalk://",), rf"dingtalk://(?:\w+@)?{_HEX}{{64}}{_END}"),
    IdentityShape("DingTalk signing secret", "dingtalk", ("SEC",), rf"{_NOT_IN_WORD}SEC[0-9a-f]{{64}}{_END}"),
    IdentityShape(
        "DingTalk client id",
        "dingtalk",
        ("ding",),
        rf"{_NOT_IN_WORD}ding(?=[a-z]*\d)[0-9a-z]{{16}}{_END}",
        certain=False,
        hidden=False,
        anchor=r"ding[0-9a-z]{16}",
    ),
    IdentityShape(
        "WeCom webhook",
        "wecom",
        ("/webhook/send", "/webhook/upload_media"),
        rf"(?:https?://)?qyapi\.weixin\.qq\.com/cgi-bin/webhook/(?:send|upload_media)\?[^\s\"'<>`]*key={_UUID}",
        lead=64,
    ),
    IdentityShape("WeCom webhook", "wecom", ("wecombot://",), rf"wecombot://{_UUID}{_END}"),
    IdentityShape(
        "WeCom or WeChat account",
        "wecom",
        ("ww", "wx"),
        rf"{_NOT_IN_WORD}w[wx](?=[a-f]*\d)[0-9a-f]{{16}}{_END}",
        certain=False,
        hidden=False,
        anchor=r"w[wx][0-9a-f]{16}",
    ),
    IdentityShape(
        "WeCom bot id",
        "wecom",
        ("aib",),
        rf"{_NOT_IN_WORD}aib(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{{20,40}}{_END}",
        certain=False,
        hidden=False,
        anchor=r"aib[\w-]{20}",
    ),
    # The last bytes of every long-lived token are the same.
    IdentityShape(
        "LINE channel access token",
        "line",
        ("/1O/w1cDnyilFU=",),
        r"[A-Za-z0-9+/]{60,}/1O/w1cDnyilFU=",
        lead=260,
    ),
    IdentityShape(
        "Mattermost webhook",
        "mattermost",
        ("/hooks/",),
        rf"https?://[\w.:-]+/(?:[\w-]+/)*hooks/[a-z0-9]{{26}}{_END}",
        anchor=r"/hooks/[a-z0-9]{26}",
        lead=120,
    ),
    IdentityShape(
        "Mattermost webhook",
        "mattermost",
        ("mmost://", "mmosts://"),
        rf"mmosts?://(?:[\w.:-]+@)?[\w.:-]+/(?:[\w-]+/)*[a-z0-9]{{26}}{_END}",
    ),
    IdentityShape(
        "text like a Mattermost token",
        "mattermost",
        ("attermost", "MATTERMOST"),
        rf"(?:attermost|MATTERMOST)[^\r\n]{{0,40}}?{_NOT_IN_WORD}((?=[a-z]*\d)[a-z0-9]{{26}}){_END}",
        certain=False,
    ),
    IdentityShape("ntfy access token", "ntfy", ("tk_",), rf"{_NOT_IN_WORD}tk_[a-z0-9]{{29}}{_END}"),
    IdentityShape(
        "QQ bot token",
        "qqbot",
        (".",),
        rf"{_NOT_IN_WORD}10\d{{7}}\.(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{{32}}{_END}",
        anchor=r"\.[A-Za-z0-9]{32}",
        lead=12,
    ),
    IdentityShape("Nostr private key", "buzz", ("nsec1",), rf"{_NOT_IN_WORD}nsec1[ac-hj-np-z02-9]{{58}}{_END}"),
    # Of a tool as often as of a channel.
    IdentityShape(
        "Microsoft client secret",
        "teams",
        ("8Q~", "7Q~"),
        r"(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~.-])",
        certain=False,
        lead=3,
    ),
    IdentityShape(
        "JSON Web Token", None, ("eyJ",), r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{16,}", certain=False
    ),
    IdentityShape(
        "private key",
        None,
        ("PRIVATE KEY",),
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?=[^-]{40})",
        certain=False,
        lead=40,
    ),
)

# Bots that exist only in documentation.
_PUBLISHED = (
    "123456:ABC",
    "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "4839574812:AAFD39kkdpWt3ywyRZergyOLMaJhac60qc",
    "T00000000/B00000000/",
    "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
)
_SAMPLE = lazy_pattern(
    r"([A-Za-z0-9*])\1{7}|your[_-]|(?i:example|placeholder|replace|change-?me|redacted|dummy)|1234567890abcdef|\*\*\*"
    r"|:ABCDEFGH|:ABC-DEF|xox[a-z]-(?:your|token|1234-|\.)|<|\$\{"
)

_HOST = lazy_pattern(r"//[^/\s]+/")

_QUOTES = b"\\'\"\x00"
_RUN = b"a" * 18
_DIGIT = lazy_pattern(rb"[0-9]")
# What has no run of that length, or no digit in it.
_BEGINNINGS = (b"EAA", b"eyJ", b"xox", b"xapp-", b"com/services/hooks/")
_ODD_MARKS = (b"@im.bot", b"Q~", b"PRIVATE KEY")
_RECOVERY_KEY = lazy_pattern(rb"Es[T-Z]\w[ \t]\w{4}[ \t]\w{4}[ \t]")
# Longer credentials are cut off behind that many characters.
LONGEST = 2048


def sightings(text: str) -> tuple[Sighting, ...]:
    """Return every part of a text with the form of a credential, in order, never overlapping; samples are left out.

    Where several forms match, a certain one wins, then the longest.
    """
    found: list[Sighting] = []
    for shape in IDENTITY_SHAPES:
        for mark in shape.marks:
            if mark in text:
                found += _sightings_of(shape, text)
                break
    if len(found) < 2:
        return tuple(found)
    return tuple(_apart(found))


def may_hold_identity(data: bytes) -> bool:
    """Return False when no part of these bytes has the form of a credential; a cheap test that errs towards True.

    A credential has a run of 18 letters and digits, and most texts have none: this takes a tenth of the time of a
    search for all marks. Quotes, backslashes and the NULs of UTF-16 are left out first.
    """
    plain = data.translate(None, _QUOTES)
    words = plain.translate(AS_RUNS)
    begin = words.find(_RUN)
    while begin >= 0:
        end = words.find(b" ", begin)
        end = len(words) if end < 0 else end
        if _DIGIT.search(plain, begin, end) or plain.startswith(_BEGINNINGS, begin):
            return True
        if plain[max(begin - 1, 0) : begin] == b":" or plain[max(begin - 8, 0) : max(begin - 7, 0)] == b".":
            return True  # the second half of a Telegram token, the third part of a Discord token
        begin = words.find(_RUN, end)
    return any(mark in plain for mark in _ODD_MARKS) or (b"Es" in plain and _RECOVERY_KEY.search(plain) is not None)


def _sightings_of(shape: IdentityShape, text: str) -> Iterator[Sighting]:
    anchor = _compiled(shape.anchor or "|".join(map(re.escape, shape.marks)))
    pattern = _compiled(shape.pattern)
    position = 0
    for near in anchor.finditer(text):
        begin = max(position, near.start() - shape.lead)
        if shape.lead:
            match = pattern.search(text, begin, near.end() + LONGEST)
        else:
            match = pattern.match(text, near.start()) if near.start() >= position else None
        if match is not None and match.start() <= near.start() and match.end() > position:
            position = match.end()
            if not is_sample(credential_in(match)):
                yield Sighting(match.start(), match.end(), shape)


def _apart(found: list[Sighting]) -> Iterator[Sighting]:
    ranked = sorted(found, key=lambda it: (not it.shape.certain, it.start - it.end))
    yield from (ranked[at] for at in apart([(one.start, one.end) for one in ranked]))


def shape_of(value: str) -> IdentityShape | None:
    """Return the shape that is somewhere in a value, a certain one first; None without one."""
    found = sightings(value)
    return min(found, key=lambda it: (not it.shape.certain, it.start)).shape if found else None


def credential_in(match: re.Match[str]) -> str:
    """Return the credential of a match, without the words around it."""
    return str(match[match.lastindex or 0])


def is_sample(value: str) -> bool:
    """Return whether a value only shows the form: it is from documentation, or a placeholder."""
    return _SAMPLE.search(_HOST.sub("", value)) is not None or any(known in value for known in _PUBLISHED)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
