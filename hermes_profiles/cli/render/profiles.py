"""Profiles as rows of the JSON contract."""

from __future__ import annotations

from typing import Any

from hermes_profiles.operations.profiles.list_profiles import ListedProfile


def profile_row(listed: ListedProfile) -> dict[str, Any]:
    """Return one profile as the command contract's `list` has it."""
    profile, gateway, team, leads, _ = listed
    named = {"display_name": profile.display_name} if profile.display_name else {}
    before = {"previous_names": list(profile.previous_names)} if profile.previous_names else {}
    return {
        "name": profile.name,
        "path": str(profile.home),
        "is_default": profile.is_default,
        "is_active": profile.is_active,
        "model": profile.model,
        "provider": profile.provider,
        "alias": profile.alias,
        "description": profile.description,
        "disabled": profile.disabled,
        "gateway": {"state": str(gateway.state), "pid": gateway.pid},
        "channels": list(profile.channels),
        "team": team.name if team is not None else None,
        "lead": (team.lead or None) if team is not None else None,
        "leads": [each.name for each in leads],
        "remarks": [each.as_data() for each in listed.remarks],
        **named,
        **before,
    }
