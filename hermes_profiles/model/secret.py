"""Values that must never be printed, and the keyed fingerprints that may be."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value", str, bytes)


class Secret(Generic[Value]):
    """A value that prints as `***`; only `.reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: Value) -> None:
        self._value: Value = value

    def reveal(self) -> Value:
        """Return the value itself. Review every call of this method."""
        return self._value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)


def fingerprint(value: str, key: bytes) -> str:
    """Return 8 hex digits of HMAC-SHA256: equal values have equal fingerprints, and no value can be guessed from one.

    `key` is random, made once per root and kept in a 0600 file: a plain hash of a short value
    (a phone number, a user id) could be found by trying all values.
    """
    import hashlib
    import hmac

    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]
