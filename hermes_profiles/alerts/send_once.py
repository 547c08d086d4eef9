"""One try of one message, in a process of its own that outlives the watcher: it records what it did.

The order is what keeps a message from being lost or sent twice: the lock of the message, `begun` on the disk, the
sending, `sent` or `failed` on the disk. A kill of the watcher changes none of it. A message can arrive twice where this
process is killed between the sending and its record, which leaves `begun`, or where the answer of the destination is
lost. It is sent again then with the same id, and says that it may be the second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout

from .files import BEGUN, FAILED, SENT, SendRecord, lock_try, read_record, write_record
from .model import AlertItem, AlertMessage, Destination, DestinationKind
from .senders import OutgoingText, Unanswered, send
from .text import AlertText, kind_of

Redact = Callable[[str], str]
# Exit codes of the process: delivered, not delivered, another process sends this message.
DELIVERED, NOT_DELIVERED, BUSY = 0, 1, 75


def send_once(
    layout: Layout,
    destination: Destination,
    message: AlertMessage,
    wording: AlertText,
    redact: Redact,
    environment: Mapping[str, str],
) -> int:
    """Try to send a message, unless this try was made before; return the exit code of its process.

    `wording`: of the text; `redact`: removes the secrets of the profiles from a text.
    """
    if destination.kind is DestinationKind.HEARTBEAT:
        return _send_and_record(layout, destination, message, wording, redact, environment, repeated=False)
    lock = lock_try(layout, message.id)
    if lock is None:
        return BUSY
    try:
        known = read_record(layout, message.id)
        is_done = known is not None and known.state == FAILED and known.number > message.tries
        if known is not None and (known.state == SENT or is_done):
            return DELIVERED if known.state == SENT else NOT_DELIVERED
        repeated = known is not None and (known.state == BEGUN or known.is_unsure)
        return _send_and_record(layout, destination, message, wording, redact, environment, repeated=repeated)
    finally:
        os.close(lock)


def _send_and_record(
    layout: Layout,
    destination: Destination,
    message: AlertMessage,
    wording: AlertText,
    redact: Redact,
    environment: Mapping[str, str],
    *,
    repeated: bool,
) -> int:
    number = message.tries + 1
    text = outgoing(message.id, message.items, wording, redact, repeated=repeated)
    _record(layout, message.id, SendRecord(number, BEGUN, is_unsure=repeated))
    try:
        send(destination, text, environment, root=str(layout.root))
    except Failed as error:
        is_unsure = repeated or isinstance(error, Unanswered)
        _record(layout, message.id, SendRecord(number, FAILED, redact(error.problem.message), is_unsure))
        return NOT_DELIVERED
    _record(layout, message.id, SendRecord(number, SENT))
    return DELIVERED


def _record(layout: Layout, message: str, record: SendRecord) -> None:
    """Record a try. On a full disk, of which an alert must get out, the exit code is the record."""
    try:
        write_record(layout, message, record)
    except (HermesProfilesError, OSError):
        return


def outgoing(
    identity: str, items: tuple[AlertItem, ...], wording: AlertText, redact: Redact, *, repeated: bool = False
) -> OutgoingText:
    """Return a message as it is sent, without the secrets of the profiles."""
    items = tuple(each._replace(reason=redact(each.reason)) for each in items)
    profiles = tuple(dict.fromkeys(each.profile for each in items if each.profile is not None))
    return OutgoingText(
        identity,
        wording.title(items),
        wording.body(items, repeated=repeated),
        kind_of(items),
        wording.data(identity, items, repeated=repeated),
        profiles,
    )
