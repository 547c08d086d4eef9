"""When equal credentials of two profiles are a copy, and when two accounts have something in common. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog

# Of two channels that are on the identity decides, but for these: one bot that answers twice, whatever is beside it.
ONE_BOT = frozenset({"SLACK_BOT_TOKEN"})
# People choose one password for several accounts: it is the same only together with the account.
_CHOSEN = "_PASSWORD"


def with_account(channel: str, variable: str, value: str, environment: Mapping[str, str], catalog: Catalog) -> str:
    """Return what must be equal for a credential to be a copy: its value, of a chosen password the account, too."""
    if not variable.endswith(_CHOSEN):
        return value
    names = sorted({name for names in catalog.channels[channel].lock_identity for name in names})
    return "\n".join([value, *(environment.get(name, "") for name in names)])


def identifying_variables(channel: str, catalog: Catalog) -> frozenset[str]:
    """Return the variables that tell by themselves whose channel it is."""
    return frozenset(names[0] for names in catalog.channels[channel].lock_identity if len(names) == 1)


def are_two_accounts(first: Mapping[str, str], second: Mapping[str, str], names: Collection[str]) -> bool:
    """Return whether two profiles name an account each; `first`, `second`: variable → value (or what stands for it) of
    a channel; `names`: those that tell whose it is."""
    return any(name in first and name in second and first[name] != second[name] for name in names)
