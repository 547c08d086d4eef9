"""A port that a channel listens on, and which of them exclude each other. Pure."""

from __future__ import annotations

from hermes_profiles.model.named_tuple import NamedTuple

_ALL_IPV4, _ALL_IPV6 = "0.0.0.0", "::"  # noqa: S104  compared, never bound
# asyncio binds one socket for each address of a host, and `::` without IPv4 (create_server sets IPV6_V6ONLY).
_ADDRESSES_OF = {"*": (_ALL_IPV4, _ALL_IPV6), "localhost": ("127.0.0.1", "::1")}


class PortClaim(NamedTuple):
    """A port that a channel listens on; `bind` is the host, `*` for all addresses of IPv4 and IPv6."""

    channel: str
    port: int
    bind: str

    @property
    def address(self) -> tuple[int, str]:
        """Return the port and the host."""
        return self.port, self.bind

    def conflicts_with(self, other: PortClaim) -> bool:
        """Return whether the two cannot listen at the same time."""
        return self.port == other.port and any(
            _overlap(one, two) for one in _addresses_of(self.bind) for two in _addresses_of(other.bind)
        )


def _addresses_of(host: str) -> tuple[str, ...]:
    return _ADDRESSES_OF.get(host, (host,))


def _overlap(one: str, other: str) -> bool:
    return one == other or any(_covers(a, b) for a, b in ((one, other), (other, one)))


def _covers(everywhere: str, address: str) -> bool:
    """Return whether a wildcard has the family of an address; that of a host name is not known."""
    if everywhere not in (_ALL_IPV4, _ALL_IPV6):
        return False
    family = _ALL_IPV6 if ":" in address else _ALL_IPV4 if address.replace(".", "").isdigit() else everywhere
    return family == everywhere
