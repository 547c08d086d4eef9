"""The RPC interface under the module path of version 0.1.0."""

from __future__ import annotations

from hermes_profiles.services.supervisor.rpc import make_fleet

__all__ = ["make_fleet"]
