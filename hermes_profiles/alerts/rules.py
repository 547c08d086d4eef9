"""The rules of alerts: what is sent to which destination, and when. Pure: the clock is an argument.

A fault is sent once it has lasted for the time of the destination, and its end once it is over for `SETTLED` seconds.
What is due at one time is one message. A destination knows a fault from the message on, however
long its delivery takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hermes_profiles.events.model import PROFILE_REMOVED, EventKind, FleetEvent

from .model import PROFILE_GONE, AlertItem, AlertMessage, AlertState, DeliveryTrouble, Destination

# Seconds after which a fault that is over is an end, and not a moment between two restarts.
SETTLED = 30.0
# Seconds that a message is due ahead of time when another one is due: a machine that comes back sends few.
_AHEAD = 30.0
# Seconds between two messages to one destination; what falls due between them is one message.
_BETWEEN = 60.0
_HOUR, _DAY = 3600.0, 86400.0
_MOST_ITEMS, _LONGEST_REASON = 80, 300
_FIRST_RETRY, _LONGEST_RETRY = 15.0, 1800.0


def with_events(state: AlertState, events: Iterable[FleetEvent], now: float) -> AlertState:
    """Return a state that counts these events, which are those after its position."""
    faults, position = dict(state.faults), state.position
    for event in events:
        position = max(position, event.number)
        at = min(event.at, now)
        item = AlertItem(*event.subject, str(event.kind), at, event.reason[:_LONGEST_REASON], None, event.also)
        known = faults.get(item.key)
        if event.is_fault:
            is_same = known is not None and (known.until is None or at - known.until < SETTLED)
            since = known.since if known is not None and is_same else at
            faults[item.key] = item._replace(since=min(since, now))
        elif event.is_end or event.kind is EventKind.MASKED:
            _end(faults, [item.key], at)
        elif event.kind in (EventKind.DOWN, EventKind.UNSUPERVISED):
            _end(faults, [key for key, each in faults.items() if _is_part(each, event)], at)
    return state._replace(faults=faults, position=position)


def _is_part(fault: AlertItem, event: FleetEvent) -> bool:
    """Return whether a fault ends with an end that was asked for: of a channel, or of a gateway with its channels."""
    is_same = fault.profile == event.profile and not fault.fault
    return is_same and (event.channel is None or fault.channel == event.channel)


def _end(faults: dict[str, AlertItem], keys: Iterable[str], at: float) -> None:
    for key in keys:
        if key in faults and faults[key].until is None:
            faults[key] = faults[key]._replace(until=max(at, faults[key].since))


def without_profiles_gone(state: AlertState, profiles: frozenset[str], now: float) -> AlertState:
    """Return a state in which the faults of profiles that do not exist are over.

    That a profile was removed by hand is a fault itself: for a day, or until it is back.
    """
    faults, sent = dict(state.faults), state.sent
    for key, each in state.faults.items():
        if each.profile is None or each.profile in profiles:
            continue
        if each.reason != PROFILE_REMOVED:
            _end(faults, [key], now)
            faults[key] = faults[key]._replace(reason=PROFILE_GONE)
        elif each.until is None and now - each.since > _DAY:
            del faults[key]
            sent = {name: {k: one for k, one in known.items() if k != key} for name, known in sent.items()}
    return state._replace(faults=faults, sent=sent)


def planned(
    state: AlertState,
    destinations: Mapping[str, Destination],
    now: float,
    minute: int,
    new_id: Callable[[], str],
) -> AlertState:
    """Return the state with the messages that are due now.

    `minute`: of the local day; `new_id`: returns the id of a new message.
    """
    state = _of_destinations(state, destinations, now)
    for destination in destinations.values():
        if not _is_held(state, destination, now, minute):
            state = _with_message(state, destination, now, new_id)
    known = {key for sent in state.sent.values() for key in sent}
    faults = {key: each for key, each in state.faults.items() if key in known or not _is_over(each, now)}
    return state._replace(faults=faults)


def _of_destinations(state: AlertState, destinations: Mapping[str, Destination], now: float) -> AlertState:
    """Return the state without what belongs to removed destinations, and without times of an earlier hour."""
    times = {
        name: tuple(at for at in state.times.get(name, ()) if now - _HOUR < at <= now)
        for name in destinations
        if name in state.times
    }
    return state._replace(
        sent={name: each for name, each in state.sent.items() if name in destinations},
        messages=tuple(each for each in state.messages if each.destination in destinations),
        times=times,
        troubles={name: each for name, each in state.troubles.items() if name in destinations},
        delivered={name: each for name, each in state.delivered.items() if name in destinations},
    )


def _is_held(state: AlertState, destination: Destination, now: float, minute: int) -> bool:
    """Return whether nothing is sent to a destination now."""
    times = state.times.get(destination.name, ())
    is_full = len(times) >= destination.limit or (bool(times) and now - times[-1] < _BETWEEN)
    return is_full or is_silent(destination, now, minute)


def is_silent(destination: Destination, now: float, minute: int) -> bool:
    """Return whether a destination is muted or in its quiet hours."""
    return now < destination.muted_until or destination.is_quiet(minute)


def _with_message(state: AlertState, destination: Destination, now: float, new_id: Callable[[], str]) -> AlertState:
    sent = dict(state.sent.get(destination.name, {}))
    lost = {(each.profile, each.kind) for each in state.faults.values() if each.until is None and each.channel}
    open_faults = [
        each
        for key, each in state.faults.items()
        if each.until is None
        and key not in sent
        and destination.is_about(each.profile, each.also)
        # The gateway has the fault of its channel: that one says more.
        and (each.channel is not None or each.fault or (each.profile, each.kind) not in lost)
    ]
    over = []
    for key, known in sent.items():
        fault = state.faults.get(key)
        if fault is None or _is_over(fault, now):
            end = fault.until if fault is not None and fault.until is not None else now
            reason = fault.reason if fault is not None else known.reason
            over.append(known._replace(until=end, kind=str(EventKind.RECOVERED), reason=reason))
    ahead = min(_AHEAD, destination.after / 2)
    due = [each for each in open_faults if now - each.since >= destination.after - ahead]
    if not over and not any(now - each.since >= destination.after for each in due):
        return state
    over = over[:_MOST_ITEMS]
    due = due[: _MOST_ITEMS - len(over)]
    for each in over:
        del sent[each.key]
    sent |= {each.key: each for each in due}
    return _added(state, destination.name, (*due, *over), now, new_id)._replace(
        sent={**state.sent, destination.name: sent}
    )


def _is_over(fault: AlertItem, now: float) -> bool:
    return fault.until is not None and now - fault.until >= SETTLED


def _added(
    state: AlertState, name: str, items: tuple[AlertItem, ...], now: float, new_id: Callable[[], str]
) -> AlertState:
    """Return the state with these items in a message: one that waits behind another gets them, else a new one."""
    waiting = [each for each in state.messages if each.destination == name]
    is_open = len(waiting) > 1 and not waiting[-1].is_started and not waiting[-1].tries
    if is_open and len(waiting[-1].items) + len(items) <= _MOST_ITEMS:
        longer = waiting[-1]._replace(items=(*waiting[-1].items, *items))
        messages = tuple(longer if each.id == longer.id else each for each in state.messages)
        return state._replace(messages=messages)
    message = AlertMessage(new_id(), name, items, now)
    times = {**state.times, name: (*state.times.get(name, ()), now)}
    return state._replace(messages=(*state.messages, message), times=times)


def due_messages(
    state: AlertState, destinations: Mapping[str, Destination], now: float, minute: int
) -> tuple[AlertMessage, ...]:
    """Return the messages to send now: the first of each destination, unless it waits for its next try."""
    found: dict[str, AlertMessage] = {}
    for message in state.messages:
        found.setdefault(message.destination, message)
    return tuple(
        message
        for name, message in found.items()
        if name in destinations
        # A clock that was set back does not hold a message for longer than the longest wait.
        and (message.is_started or message.next_at <= now or message.next_at > now + _LONGEST_RETRY)
        and (message.is_started or not is_silent(destinations[name], now, minute))
    )


def with_start(state: AlertState, message: AlertMessage) -> AlertState:
    """Return the state in which a try of a message is under way."""
    return _replaced(state, message._replace(is_started=True))


def with_success(state: AlertState, message: AlertMessage, now: float) -> AlertState:
    """Return the state without a message that was delivered."""
    return state._replace(
        messages=tuple(each for each in state.messages if each.id != message.id),
        troubles={name: each for name, each in state.troubles.items() if name != message.destination},
        delivered={**state.delivered, message.destination: now},
    )


def with_failure(state: AlertState, message: AlertMessage, error: str, now: float) -> AlertState:
    """Return the state in which a message waits for its next try, longer after each one."""
    wait = min(_FIRST_RETRY * 2.0 ** min(message.tries, 10), _LONGEST_RETRY)
    state = _replaced(state, message._replace(tries=message.tries + 1, next_at=now + wait, is_started=False))
    return with_trouble(state, message.destination, error, now)


def with_trouble(state: AlertState, name: str, error: str, now: float) -> AlertState:
    """Return the state in which one more try of a destination failed."""
    known = state.troubles.get(name)
    trouble = DeliveryTrouble(known.since if known else now, known.tries + 1 if known else 1, error)
    return state._replace(troubles={**state.troubles, name: trouble})


def _replaced(state: AlertState, message: AlertMessage) -> AlertState:
    return state._replace(messages=tuple(message if each.id == message.id else each for each in state.messages))
