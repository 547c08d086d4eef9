"""The same command in many places at once; a place that does not answer costs its own answer alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from hermes_profiles import __version__
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem

from .answers import PlaceAnswer, parsed_envelope
from .engine import EngineFacts, Engines
from .model import Place
from .transport import LIMIT, PlaceOutput, run_in_place, tried_words

MOST = 16
_VERSION_LIMIT = 10.0
_LONGEST = 120


def in_parallel(places: Sequence[Place], work: Callable[[Place], PlaceAnswer]) -> list[PlaceAnswer]:
    """Return the answers in the order of the places; at most sixteen are asked at once."""
    found: dict[int, PlaceAnswer] = {}
    waiting = iter(range(len(places)))
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            found[number] = _tried(places[number], work)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(min(MOST, len(places)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(len(places))]


def _tried(place: Place, work: Callable[[Place], PlaceAnswer]) -> PlaceAnswer:
    try:
        return work(place)
    except HermesProfilesError as error:
        return PlaceAnswer(place, None, error.problem)
    except Exception as error:  # noqa: BLE001  one place must not cost the answers of the others
        return PlaceAnswer(place, None, Problem("internal", f"{place.name}: {type(error).__name__}", place.name))


def ask_places(
    places: Sequence[Place],
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    engines: Engines,
    typed: bytes = b"",
    limit: float = LIMIT,
) -> list[PlaceAnswer]:
    """Return the answers of places to one command that has `--json`. `words[0]`: the program."""
    return in_parallel(
        places, lambda place: ask_place(place, words, environment, engines=engines, typed=typed, limit=limit)
    )


def ask_place(
    place: Place,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    engines: Engines,
    typed: bytes = b"",
    limit: float = LIMIT,
) -> PlaceAnswer:
    """Return the answer of one place; a silent one has the facts of its engine, if it has an engine."""
    try:
        output = run_in_place(place, words, environment, typed=typed, limit=limit)
    except HermesProfilesError as error:
        facts = engine_facts(place, environment, engines)
        return PlaceAnswer(place, None, _explained(place, error.problem, facts), facts)
    envelope = parsed_envelope(output.out)
    if envelope is not None and envelope.get("exit_code") != ExitCode.USAGE:
        return PlaceAnswer(place, envelope)
    problem = _no_answer(place, words, environment, output, is_usage=envelope is not None)
    return PlaceAnswer(place, None, problem) if problem is not None else PlaceAnswer(place, envelope)


def engine_facts(place: Place, environment: Mapping[str, str], engines: Engines) -> EngineFacts | None:
    """Return what the engine of a place says of it, None without an engine."""
    engine = engines.get(place.kind)
    return engine.facts(place, environment) if engine is not None else None


def _explained(place: Place, problem: Problem, facts: EngineFacts | None) -> Problem:
    """Return the problem of a silent place as its engine explains it; that of the program that reaches it else."""
    if facts is None:
        return problem
    text = problem.message.removeprefix(f"{place.name}: ")
    text = text if len(text) <= _LONGEST else f"…{text[-_LONGEST:]}"  # kubectl repeats the whole command
    why = f"{facts.detail} ({text})" if facts.state == GatewayState.UNKNOWN else facts.detail
    start = (
        f"start it with `hermes-gateways start --place {place.name}`" if facts.state == GatewayState.STOPPED else None
    )
    return problem._replace(message=f"{place.name}: {facts.state}: {why}", hint=facts.hint or start or problem.hint)


def _no_answer(
    place: Place, words: Sequence[str], environment: Mapping[str, str], output: PlaceOutput, *, is_usage: bool
) -> Problem | None:
    """Return why a place gave no answer that can be used; None for an error in the arguments of the user."""
    there = version_there(place, words[0], environment)
    if there and there != __version__:
        return old_version(place, there)
    if is_usage:
        return None
    text = next((line.strip() for line in output.err.splitlines() if line.strip()), f"exit code {output.code}")
    return bad_answer(place, f"the answer of {words[0]} cannot be read: {text}")


def bad_answer(place: Place, why: str) -> Problem:
    """Return the problem of a place whose answer cannot be used, with the command that shows what it prints."""
    hint = f"see what it prints with `{tried_words(place, 'hermes-gateways --version')}`"
    return Problem("bad-answer", f"{place.name}: {why}", place.name, hint)


def old_version(place: Place, there: str) -> Problem:
    """Return the problem of a place whose programs are of another version."""
    return Problem(
        "other-version-there",
        f"{place.name}: hermes-profiles {there} there does not know this command; here is {__version__}",
        place.name,
        f"update it there with {update_hint(place)}",
    )


def update_hint(place: Place) -> str:
    """Return the command that updates our programs in a place."""
    if place.kubernetes is not None:
        return "a newer image"
    return f"`{tried_words(place, 'pipx upgrade hermes-profiles')}`"


def version_there(place: Place, program: str, environment: Mapping[str, str]) -> str:
    """Return the version of a program in a place, "" where it cannot be read."""
    try:
        output = run_in_place(place, [program, "--version"], environment, limit=_VERSION_LIMIT)
    except HermesProfilesError:
        return ""
    for line in output.out.decode("utf-8", "replace").splitlines():
        name, _, version = line.strip().partition(" ")
        if name == program and version[:1].isdigit() and version.isprintable():
            return version[:32]
    return ""
