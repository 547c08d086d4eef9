"""What is wrong with a team as a whole: nobody leads it, several do, or its lead follows somebody itself. Pure."""

from __future__ import annotations

from hermes_profiles.model.errors import Problem

from .model import Team, Teams


def fault_of(team: Team, teams: Teams) -> Problem | None:
    """Return why a team cannot be synced, None when it can."""
    leads = teams.leads.get(team.name, ())
    if not team.lead:
        return Problem(
            "no-lead",
            f"no profile leads the team {team.name} any more: what its members share is not there",
            team.name,
            "bring its lead back (`hermes-profiles restore`, `hermes-profiles trash list`), or let the "
            f"members go on alone: `hermes-profiles team remove --team {team.name} --all --keep-profile`",
        )
    if len(leads) > 1:
        return Problem(
            "two-leads",
            f"{' and '.join(leads)} both say that they lead the team {team.name}",
            team.name,
            f"take the team out of the profile.yaml of the one that does not: `teams:`, `{team.name}:`",
        )
    of = teams.memberships.get(team.lead)
    if of is not None:
        return Problem(
            "lead-is-member",
            f"{team.lead} leads the team {team.name} and is a member of {of.team} itself: what it has is not its own",
            team.lead,
            f"let it leave the other team: `hermes-profiles team remove {team.lead} --keep-profile`",
        )
    return None
