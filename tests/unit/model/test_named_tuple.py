"""The named tuples of this program beside those of the stdlib: the same behaviour, whatever is asked first."""

from __future__ import annotations

import copy
import pickle
import typing
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any, Generic, TypeVar

import pytest

from hermes_profiles.model.named_tuple import NamedTuple

Value = TypeVar("Value")


class Ours(NamedTuple):
    """A definition."""

    name: str
    size: int = 3
    parts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the name with a capital."""
        return self.name.title()

    def __str__(self) -> str:
        return f"{self.name} of {self.size}"


class Theirs(typing.NamedTuple):
    """A definition."""

    name: str
    size: int = 3
    parts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the name with a capital."""
        return self.name.title()

    def __str__(self) -> str:
        return f"{self.name} of {self.size}"


class Box(NamedTuple, Generic[Value]):
    """A definition with a type variable."""

    value: Value
    label: str = ""


class Below(Ours):
    """A subclass of a definition, with an attribute that is no field."""

    extra: int = 7


def attempted(action: Callable[[Any], object], kind: Any) -> object:
    try:
        return action(kind)
    except (AttributeError, TypeError, ValueError) as error:
        return type(error), str(error).replace("Theirs", "Ours")


ACTIONS: dict[str, Callable[[Any], object]] = {
    "fields": lambda kind: (kind._fields, kind._field_defaults, kind.__match_args__),
    "hints": lambda kind: typing.get_type_hints(kind),
    "positions": lambda kind: tuple(kind("a", 1, ("b",))),
    "names": lambda kind: tuple(kind(parts=("b",), name="a")),
    "text": lambda kind: (str(kind("a")), repr(kind("a", 2)).replace("Theirs", "Ours")),
    "attributes": lambda kind: (kind("ab").name, kind("ab").title, kind("a").size, kind("a").parts),
    "replace": lambda kind: tuple(kind("a")._replace(size=9)),
    "replace what is missing": lambda kind: kind("a")._replace(colour=9),
    "dict": lambda kind: kind("a")._asdict(),
    "make": lambda kind: tuple(kind._make(["a", 1, ()])),
    "equal": lambda kind: (kind("a") == ("a", 3, ()), kind("a") < kind("b"), hash(kind("a")) == hash(("a", 3, ()))),
    "copy": lambda kind: copy.deepcopy(kind("a")) == copy.copy(kind("a")) == kind("a"),
    "pickle": lambda kind: type(pickle.loads(pickle.dumps(kind("a")))) is kind,
    "nothing given": lambda kind: kind(),
    "too much": lambda kind: kind("a", 1, (), 4),
    "unknown": lambda kind: kind("a", colour=1),
    "twice": lambda kind: kind("a", name="b"),
    "assignment": lambda kind: setattr(kind("a"), "size", 4),
    "new attribute": lambda kind: setattr(kind("a"), "colour", 4),
    "docs": lambda kind: (kind.__doc__, kind.__module__, kind.__slots__),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_behaves_like_the_stdlib(name: str) -> None:
    assert attempted(ACTIONS[name], Ours) == attempted(ACTIONS[name], Theirs)


@pytest.mark.parametrize("name", [name for name in ACTIONS if name != "pickle"])
def test_first_question_does_not_matter(name: str) -> None:
    """Each to a definition that has no instance so far."""
    kept = ("__module__", "__doc__", "__annotations__", "title", "__str__")
    body = {key: value for key, value in vars(Theirs).items() if key in kept} | {"size": 3, "parts": ()}
    fresh = type(NamedTuple)("Ours", (NamedTuple,), body)
    assert attempted(ACTIONS[name], fresh) == attempted(ACTIONS[name], Theirs)


def test_generic_and_subclass() -> None:
    assert Box(4)._replace(label="x") == (4, "x") and Box[int](4).value == 4
    below = Below("a", 5)
    assert type(below) is Below and below == ("a", 5, ()) and below.extra == 7 and below._fields == Ours._fields
    below.extra = 8
    assert below.extra == 8, "as in the stdlib, a subclass has a dict"


def test_default_before_a_field_without_one_is_refused() -> None:
    with pytest.raises(TypeError, match="Wrong: a field without a default follows one with a default"):
        type(NamedTuple)("Wrong", (NamedTuple,), {"__annotations__": {"one": "int", "two": "int"}, "one": 1})


def test_constructor_comes_last() -> None:
    """From then on other threads make instances, which need everything else."""
    order: list[str] = []

    class Watched(type(NamedTuple)):  # type: ignore[misc]
        def __setattr__(cls, name: str, value: object) -> None:
            order.append(name)
            super().__setattr__(name, value)

    Watched("Kind", (NamedTuple,), {"__annotations__": {"one": "int"}})(1)
    assert order[-1] == "__new__" and order.count("__new__") == 1 and "one" in order


def test_threads_that_make_the_first_instance_together() -> None:
    kinds = [
        type(NamedTuple)("Kind", (NamedTuple,), {"__annotations__": {"one": "int", "two": "int"}, "two": 2})
        for _ in range(50)
    ]
    barrier, wrong = Barrier(4), list[object]()

    def make() -> None:
        for kind in kinds:
            barrier.wait()
            instance = kind(1)
            if (instance.one, instance.two, instance._asdict()) != (1, 2, {"one": 1, "two": 2}):
                wrong.append(instance)

    threads = [Thread(target=make) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
