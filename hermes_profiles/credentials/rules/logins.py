"""Rulings on stored logins: rows of auth.json, and the host blocks of honcho.json.

A refresh token works once. A copy of it logs the other profile out after the first rotation (Hermes 0.19.0
`hermes_cli/auth.py`, `plugins/memory/honcho/oauth.py`), so it stays behind even when channels are cloned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass, OAuthRow
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Ruling, Verdict
from hermes_profiles.hermes.files import AUTH_FILE

from .config import EntryRemoval

if TYPE_CHECKING:
    from hermes_profiles.documents.entries import TreeEntry

# Where auth.json keeps logins: one mapping a provider, or a list of them.
_STORES = ("providers", "credential_pool")
_HONCHO = "honcho"
_SHORTEST_SECRET = 12


# Rows of the pool that Hermes 0.19.0 copies from another place and synchronises with it before each refresh
# (agent/credential_pool.py, `_sync_…_from_auth_store`): rows of the root's login, for a profile without its own login,
# and rows of Claude Code's own file.
_POOL = "credential_pool"
_SEEDED = {"nous": "device_code", "openai-codex": "device_code", "xai-oauth": "device_code", "minimax-oauth": "oauth"}
_BORROWED = "claude_code"


def judge_auth(entries: Sequence[TreeEntry], catalog: Catalog, policy: ClonePolicy) -> Iterator[EntryRemoval]:
    """Yield the rows of auth.json that stay behind: channel identities, and single-use logins.

    A provider that the catalogue does not know is judged by its fields; static API keys stay.
    """
    rows = {row.path[1:]: row for row in catalog.oauth_rows if row.path[:1] == (AUTH_FILE,)}
    removed: set[tuple[str, ...]] = set()
    for entry in entries:
        if any(entry.path[:size] in removed for size in range(1, len(entry.path) + 1)):
            continue
        row = rows.get(entry.path)
        removal = None
        if row is not None and not row.only_oauth_entries:
            removal = _known_row(entry, row, policy)
        elif entry.kind == "mapping" and entry.path[:1] and entry.path[0] in _STORES and len(entry.path) in (2, 3):
            removal = _grant(entry, entries, policy)
        if removal is not None:
            removed.add(entry.path)
            yield removal


def _known_row(entry: TreeEntry, row: OAuthRow, policy: ClonePolicy) -> EntryRemoval | None:
    if row.channel is not None:
        if policy.channels is Channels.CLONE or row.channel in policy.keep or not policy.concerns(row.channel):
            return None
        reason = f"the stored login of {row.channel}"
        return EntryRemoval(entry, Ruling(Verdict.REMOVE, reason, row.channel, KeyClass.IDENTITY_CREDENTIAL))
    if not row.single_use or not policy.takes_login(row.provider):
        return None
    return EntryRemoval(entry, _single_use(row.provider), row.provider)


def _grant(entry: TreeEntry, entries: Iterable[TreeEntry], policy: ClonePolicy) -> EntryRemoval | None:
    """Return the removal of a login that has a refresh token or is marked as OAuth; None for another one."""
    if not policy.takes_login(entry.path[1]):
        return None
    size = len(entry.path)
    for other in entries:
        if len(other.path) <= size or other.path[:size] != entry.path or not other.value:
            continue
        if "refresh" in other.path[-1].lower() or other.value.lower().startswith("oauth"):
            return EntryRemoval(entry, _single_use(entry.path[1]), entry.path[1])
    return None


def is_kept_in_step(store: str, provider: str, source: object, *, has_own: bool, is_default: bool) -> bool:
    """Return whether a row of auth.json mirrors a login that is stored elsewhere: a copy of it does no harm.

    `source`: the row's own `source`; `has_own`: whether the same file also has the provider's login; `is_default`:
    whether it is the root's file, which other profiles fall back to.
    """
    if store != _POOL or source is None:
        return False
    return source == _BORROWED or (not has_own and not is_default and source == _SEEDED.get(provider))


def _single_use(provider: str) -> Ruling:
    return Ruling(Verdict.REMOVE, f"single-use login of {provider}: a copy would log the source out")


def judge_honcho(entries: Sequence[TreeEntry], policy: ClonePolicy) -> Iterator[EntryRemoval]:
    """Yield the entries of honcho.json that stay behind: grants with their access tokens, and the agent's own peer.

    A block without a grant keeps its static API key.
    """
    if not policy.takes_login(_HONCHO):
        return
    granted = {entry.path[:-1] for entry in entries if entry.path[-1] == "oauth" and entry.kind == "mapping"}
    for entry in entries:
        above, name = entry.path[:-1], entry.path[-1]
        if above in granted and name in ("oauth", "apiKey"):
            yield EntryRemoval(entry, _single_use(_HONCHO), _HONCHO)
        elif name == "aiPeer" and policy.only is None:
            yield EntryRemoval(entry, Ruling(Verdict.REMOVE, "every agent is a peer of its own"))


def secrets_of_logins(entries: Sequence[TreeEntry], removals: Iterable[EntryRemoval]) -> Iterator[tuple[str, str]]:
    """Yield (path, value) of removed secrets: all of a channel's login, only the refresh tokens of other logins.

    An access token can also be in a shareable variable; it expires within a day.
    """
    for removal in removals:
        top = removal.entry.path
        for entry in entries:
            if entry.path[: len(top)] != top or not entry.value or len(entry.value) < _SHORTEST_SECRET:
                continue
            if removal.ruling.channel is not None or "refresh" in entry.path[-1].lower():
                yield f"login.{'.'.join(top)}", entry.value
