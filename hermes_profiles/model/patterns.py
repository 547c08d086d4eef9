"""Regular expressions that are compiled at their first use: a run needs a few of the 250 that its modules define."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")


class _LazyPattern:
    """A pattern that is compiled when the first of its attributes is read."""

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the pattern; from then on its methods are attributes of this object."""
        compiled: re.Pattern[Any] = re.compile(self._source, self._flags)
        self.__dict__.update((method, getattr(compiled, method)) for method in _METHODS)
        return getattr(compiled, name)


def lazy_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern with the methods of `re.Pattern` that is compiled when the first of them is used.

    A wrong pattern raises `re.error` there. The functions of `re` do not take it.
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(source, flags))
