"""One command in one place or in all: which places, what they answer, and what a comparison of them finds."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence

from hermes_profiles.model.errors import ExitCode, NotFound, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.answers import PlaceAnswer, worst_code
from hermes_profiles.places.compare import PlaceFinding, compared
from hermes_profiles.places.facts import PlaceFacts, facts_of
from hermes_profiles.places.fan_out import ask_place, bad_answer, in_parallel
from hermes_profiles.places.file import place_named, read_places
from hermes_profiles.places.model import ALL, LOCAL, Place
from hermes_profiles.places.transport import LIMIT
from hermes_profiles.profiles.listing import has_identity

from ..context import Session
from .place_engines import act_on_whole, engines

FACTS = ("hermes-gateways", "place-facts", "--json")


class PlacesAnswer(NamedTuple):
    """The answers of places to one command. `names`: what the user selected; `findings`: of a comparison."""

    answers: tuple[PlaceAnswer, ...]
    is_all: bool
    findings: tuple[PlaceFinding, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code: 4 where a place is silent, else that of the worst answer."""
        codes = [answer.exit_code for answer in self.counted]
        if any(finding.severity == "error" for finding in self.findings):
            codes.append(ExitCode.NEGATIVE)
        return worst_code(codes)

    @property
    def counted(self) -> tuple[PlaceAnswer, ...]:
        """Return the answers that count: with all places, a profile need not exist in each of them."""
        if not self.is_all or all(answer.exit_code is ExitCode.MISSING for answer in self.answers):
            return self.answers
        return tuple(answer for answer in self.answers if answer.exit_code is not ExitCode.MISSING)

    def problems(self, key: str) -> list[Problem]:
        """Return the `errors` or `warnings` of all places."""
        return [problem for answer in self.counted for problem in answer.problems(key)]


def chosen_places(session: Session, name: str) -> tuple[Place, ...]:
    """Return the place of a name, or all: the root of this command if it exists, then those of the file.

    Raises NotFound, DocumentError.
    """
    own = session.layout.root
    if name != ALL:
        return (place_named(session.environment, name, own_root=own),)
    here = (place_named(session.environment, LOCAL, own_root=own),) if has_identity(own) else ()
    found = (*here, *read_places(session.environment).values())
    if not found:
        raise NotFound(
            "no place was added", code="no-place", hint="add one with `hermes-gateways place add vps --ssh USER@HOST`"
        )
    return found


def ask_in_places(
    session: Session, name: str, words: Sequence[str], *, typed: bytes = b"", limit: float = LIMIT
) -> PlacesAnswer:
    """Return the answers of one place or all to a command with `--json`. Raises NotFound, DocumentError."""
    places = chosen_places(session, name)
    known = engines()

    def ask(place: Place) -> PlaceAnswer:
        done = act_on_whole(place, words, session.environment, known)
        return done or ask_place(place, words, session.environment, engines=known, typed=typed, limit=limit)

    return PlacesAnswer(tuple(in_parallel(places, ask)), name == ALL)


def read_facts(
    session: Session, places: Sequence[Place], *, limit: float = LIMIT
) -> dict[str, PlaceAnswer | PlaceFacts]:
    """Return place → its facts, or its answer where it gave none."""
    found: dict[str, PlaceFacts] = {}
    known = engines()

    def ask(place: Place) -> PlaceAnswer:
        begin = time.time()
        answer = ask_place(place, FACTS, session.environment, engines=known, limit=limit)
        if not answer.is_silent and answer.exit_code is ExitCode.OK:
            try:
                found[place.name] = facts_of(answer.data, begin=begin, end=time.time())
            except ValueError as error:
                return PlaceAnswer(place, None, bad_answer(place, str(error)))
        return answer

    answers = in_parallel(places, ask)
    return {answer.place.name: found.get(answer.place.name, answer) for answer in answers}


def examine_places(
    session: Session, name: str, words: Sequence[str], *, checks: Collection[str], limit: float
) -> PlacesAnswer:
    """Return the answers to `doctor`, and what a comparison of the places finds. `checks`: ids of the wanted ones."""
    places = chosen_places(session, name)
    known = engines()
    facts: dict[str, PlaceFacts] = {}

    def compare() -> None:
        read = read_facts(session, places)
        facts.update((place, each) for place, each in read.items() if isinstance(each, PlaceFacts))

    thread = threading.Thread(target=compare, daemon=True)
    thread.start()
    answers = in_parallel(
        places, lambda place: ask_place(place, words, session.environment, engines=known, limit=limit)
    )
    thread.join()
    return PlacesAnswer(tuple(answers), name == ALL, tuple(each for each in compared(facts) if each.check in checks))
