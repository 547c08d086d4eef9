"""Decides whether equal credentials of two profiles belong to one account. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog

# Between two channels that are on, the whole identity decides. These variables alone already mean one bot that answers
# twice.
ONE_BOT = frozenset({"SLACK_BOT_TOKEN"})
# People use one password for several accounts: it is a copy only when the account is the same.
_CHOSEN = "_PASSWORD"


def with_account(channel: str, variable: str, value: str, environment: Mapping[str, str], catalog: Catalog) -> str:
    """Return the text that copies of a credential share: its value, and for a password the account as well."""
    if not variable.endswith(_CHOSEN):
        return value
    names = sorted({name for names in catalog.channels[channel].lock_identity for name in names})
    return "\n".join([value, *(environment.get(name, "") for name in names)])


def identifying_variables(channel: str, catalog: Catalog) -> frozenset[str]:
    """Return the variables that identify the account of a channel on their own."""
    return frozenset(names[0] for names in catalog.channels[channel].lock_identity if len(names) == 1)


def are_two_accounts(first: Mapping[str, str], second: Mapping[str, str], names: Collection[str]) -> bool:
    """Return whether two profiles name different accounts.

    `first`, `second`: variable → value (or its fingerprint) of one channel; `names`: the variables that identify it.
    """
    return any(name in first and name in second and first[name] != second[name] for name in names)
