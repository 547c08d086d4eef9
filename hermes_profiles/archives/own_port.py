"""The port and the key of the API server of a profile that comes from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.hermes.environment import API_SERVER_KEY, API_SERVER_PORT
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple

_DEFAULT_PORT = "8642"


class OwnPort(NamedTuple):
    """A changed `.env`, and the names that were assigned; a port with its value."""

    content: bytes
    assigned: dict[str, str | None]

    def __repr__(self) -> str:
        return f"OwnPort({sorted(self.assigned)})"


def with_own_port(
    raw: bytes,
    catalog: Catalog,
    *,
    is_on: bool,
    taken: Collection[int],
    is_free: Callable[[int], bool],
    pick: Callable[[], int],
) -> OwnPort | None:
    """Return the `.env` with a port that no other profile has, and with a key where it has none; None as it is.

    `is_on`: the API server of the profile was on. A file that cannot be read with certainty stays as it is.
    """
    try:
        document = EnvDocument.parse(raw, known_keys=catalog.known_names)
        names = document.names()
        if not is_on and API_SERVER_PORT not in names and API_SERVER_KEY not in names:
            return None
        port, key = document.get(API_SERVER_PORT), document.get(API_SERVER_KEY)
        new: dict[str, str] = {}
        number = port.value if port is not None and port.value else _DEFAULT_PORT
        if is_on and number.isdecimal() and (int(number) in taken or not is_free(int(number))):
            new[API_SERVER_PORT] = str(pick())
        if is_on and (key is None or not key.value):
            new[API_SERVER_KEY] = os.urandom(32).hex()
        if not new:
            return None
        there = {name: document.get(name) for name in new}
        content = document.edit(
            set_values={entry: new[name] for name, entry in there.items() if entry is not None},
            append=[(name, new[name]) for name, entry in there.items() if entry is None],
        )
        return OwnPort(content, {name: None if name == API_SERVER_KEY else new[name] for name in new})
    except DocumentError:
        return None
