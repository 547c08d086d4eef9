"""The variables that an account of a channel needs, where users get them, and the form of their values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Channel


class ValueForm(NamedTuple):
    """The published form of a value: a pattern that all of it matches, an example, and where users get it."""

    pattern: str
    example: str
    source: str


# Sources: the platforms' documentation of their bot tokens (core.telegram.org/bots/api, discord.com/developers,
# api.slack.com/authentication/token-types, twilio.com/docs/iam, developers.facebook.com/docs/whatsapp/cloud-api).
FORMS: Mapping[str, ValueForm] = {
    "TELEGRAM_BOT_TOKEN": ValueForm(r"\d{6,12}:[A-Za-z0-9_-]{30,60}", "123456789:AA…", "@BotFather on Telegram"),
    "DISCORD_BOT_TOKEN": ValueForm(
        r"[A-Za-z0-9_-]{20,40}\.[A-Za-z0-9_-]{4,10}\.[A-Za-z0-9_-]{20,80}",
        "three parts with dots between them",
        "the page Bot of your application on discord.com/developers",
    ),
    "SLACK_BOT_TOKEN": ValueForm(r"xoxb-[A-Za-z0-9-]{10,}", "xoxb-…", "OAuth & Permissions on api.slack.com"),
    "SLACK_APP_TOKEN": ValueForm(r"xapp-[A-Za-z0-9-]{10,}", "xapp-…", "Basic Information on api.slack.com"),
    "TWILIO_ACCOUNT_SID": ValueForm(r"AC[0-9a-fA-F]{32}", "AC and 32 digits", "the console of Twilio"),
    "WHATSAPP_CLOUD_ACCESS_TOKEN": ValueForm(r"EAA[A-Za-z0-9]{20,}", "EAA…", "your app on developers.facebook.com"),
    "MATRIX_HOMESERVER": ValueForm(r"https?://[^\s/]+\S*", "https://matrix.example.org", "your Matrix server"),
    "MATTERMOST_URL": ValueForm(r"https?://[^\s/]+\S*", "https://chat.example.org", "your Mattermost server"),
}
# Channels whose account comes from a scan or a pairing in Hermes' own set-up, and not from values that users copy.
SCANNED = frozenset({"weixin", "whatsapp", "signal", "photon"})
# Of these, the ones whose set-up Hermes runs for one channel alone (hermes_cli/gateway.py, `_configure_platform`).
SCANNED_HERE = frozenset({"weixin"})
# Variables that an account must have besides those that enable its channel: the name of its file (gateway/weixin.py).
_BESIDES: Mapping[str, tuple[str, ...]] = {"weixin": (WEIXIN_ACCOUNT_ID,)}


def can_connect(channel: Channel) -> bool:
    """Return whether an account of a channel consists of values that users copy, or of a scan that runs here."""
    return channel.name in SCANNED_HERE or (channel.name not in SCANNED and bool(secret_variables(channel)))


def set_up_command(channel: Channel, profile: str) -> str:
    """Return the command that gives a profile an account of a channel."""
    if can_connect(channel):
        return f"hermes-profiles connect {profile} {channel.name}"
    return channel.set_up.format(profile=profile)


def needed_variables(channel: Channel) -> tuple[str, ...]:
    """Return the variables that an account of a channel must have, in the order in which users are asked for them."""
    switches = sorted(channel.enable_sets[0]) if channel.enable_sets else []
    parties = channel.lock_identity[0] if channel.lock_identity else ()
    return tuple(dict.fromkeys((*switches, *parties, *_BESIDES.get(channel.name, ()))))


def secret_variables(channel: Channel) -> frozenset[str]:
    """Return the variables of a channel whose values give access."""
    return frozenset(fact.name for fact in channel.keys if fact.secret)


def check_complete(channel: Channel, values: Mapping[str, str]) -> None:
    """Raise UsageProblem (code `bad-account`) when a variable is missing."""
    missing = next(_missing(channel, values), ())
    if missing:
        raise UsageProblem(
            f"an account of {channel.name} needs {' and '.join(missing)} too",
            target=missing[0],
            code="bad-account",
            hint=f"see what it takes with `hermes-profiles catalog {channel.name}`",
        )


def _missing(channel: Channel, values: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    besides = (frozenset(_BESIDES[channel.name]),) if channel.name in _BESIDES else ()
    for alternatives in (channel.enable_sets, channel.lock_identity, besides):
        left = [tuple(name for name in sorted(names) if not values.get(name)) for names in alternatives]
        if left and all(left):
            yield min(left, key=len)


def check_forms(profile: str, values: Mapping[str, str]) -> None:
    """Raise UsageProblem (code `bad-token`) for a value that has not the form its platform gives it."""
    for name, value in values.items():
        fault = form_fault(name, value)
        if fault:
            raise UsageProblem(
                fault,
                target=name,
                code="bad-token",
                hint=f"copy it again from {FORMS[name].source}; to store it as it is: "
                f"`hermes-profiles env set {profile} {name}`",
            )


def form_fault(name: str, value: str) -> str:
    """Return how a value differs from the form that its platform gives it, "" where it does not or none is known."""
    form = FORMS.get(name)
    if form is None or re.fullmatch(form.pattern, value.strip()):
        return ""
    return f"the value for {name} does not have the form {form.example}: {_difference(name, value)}"


def missing_switches(channel: Channel, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the fewest variables that are missing to switch a channel on, () where none is."""
    sets = [tuple(name for name in sorted(names) if not _is_set(name, values)) for names in channel.enable_sets]
    return min(sets, key=len, default=())


def _is_set(name: str, values: Mapping[str, str]) -> bool:
    value = values.get(name, "")
    return is_truthy(value) if name.endswith("_ENABLED") else bool(value.strip())


def _difference(name: str, value: str) -> str:
    """Return what is wrong with a value, without any part of it."""
    other = next((each for each, form in FORMS.items() if each != name and re.fullmatch(form.pattern, value)), None)
    if other is not None:
        return f"it looks like a {other}"
    if re.search(r"\s", value.strip()):
        return "there is a blank in it"
    return f"it has {len(value)} characters"
