"""`typing.NamedTuple`, completed at the first instance of a class: a run makes instances of few of those it defines.

The stdlib compiles a constructor and each annotation of every definition: a fifth of `list` before (docs/figures.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    class _Definition(type):
        """Keeps the fields and the defaults of a definition; `NamedTuple` and subclasses of a definition have none."""

        def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
            if not bases or bases[0] is not globals().get("NamedTuple"):
                return super().__new__(mcs, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace.pop(field) for field in fields if field in namespace}
            if fields[len(fields) - len(defaults) :] != tuple(defaults):
                raise TypeError(f"{name}: a field without a default follows one with a default")
            own = {"__slots__": (), "_fields": fields, "_field_defaults": defaults, "__match_args__": fields}
            return super().__new__(mcs, name, bases, {**namespace, **own})

    class NamedTuple(tuple, metaclass=_Definition):
        """The base of definitions, as in the stdlib."""

        __slots__ = ()

        def __new__(cls, *values: Any, **named: Any) -> Any:
            """Return the first instance of a definition, after the definition got what the stdlib gives it."""
            definition = next(each for each in cls.__mro__ if "_fields" in vars(each))
            defaults = definition._field_defaults.values()
            complete = namedtuple(definition.__name__, definition._fields, defaults=defaults)
            for name, value in vars(complete).items():
                if name != "__new__" and name not in vars(definition):
                    setattr(definition, name, value)
            definition.__new__ = complete.__new__  # last: another thread may wait for nothing but this
            return cls.__new__(cls, *values, **named)

        @classmethod
        def _make(cls, values: Any) -> Any:
            return cls(*values)
