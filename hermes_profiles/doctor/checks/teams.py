"""Teams: members that are not as their lead, teams that nobody can sync, secrets where others read them, and who may
talk to whom when one gateway serves all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from hermes_profiles.credentials.rules.config import dotted
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.facts.teams import MisplacedSecret
from hermes_profiles.doctor.findings import EditFile, Evidence, Finding, Fix
from hermes_profiles.doctor.wording import join_names
from hermes_profiles.documents.yaml.paths import parsed_path
from hermes_profiles.hermes.files import ENV_FILE, PROFILE_FILE
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.profile_yaml import edit_profile_yaml
from hermes_profiles.teams.model import TEAM, TEAMS, Team

if TYPE_CHECKING:
    from hermes_profiles.multiplex.model import PinnedSetting
    from hermes_profiles.settings.changes import SyncChange

# So many keys, places and people are named; the rest is counted.
_SHOWN = 4
_MOST_PLACES = 10
_ONE_FOR_ALL = "hermes-profiles team run-mode multiplex"
# What other checks tell: a file that cannot be parsed.
_TOLD_ELSEWHERE = frozenset({"unreadable-document", "unreadable"})


def drift(facts: Facts) -> Iterator[Finding]:
    """Yield members whose settings or keys are not those that their lead shares."""
    for team in facts.teams.teams.by_name.values():
        for member in team.members:
            changes = [each for each in facts.teams.drifted.get(member, ()) if each.place != "link"]
            if changes:
                keys = dict.fromkeys(f"{each.key}{_TOLD[each.action]}" for each in changes if each.action in _TOLD)
                what = _some(list(keys)) or "what is noted in profile.yaml of the variables it got from there"
                yield Finding(
                    f"{member} is not as {team.lead}, which leads its team {team.name}: {what}",
                    Fix(
                        f"have it as {team.lead}'s; or let {member} keep what is meant to differ: "
                        f"`hermes-profiles team sync --own {member}:KEY`",
                        f"hermes-profiles team sync {team.name}",
                    ),
                    (member,),
                    None,
                    tuple(_places(facts, team, member, changes)),
                )


_TOLD = {"add": " is missing", "set": " differs", "remove": " is not the lead's"}


def _some(items: Sequence[str]) -> str:
    left = len(items) - _SHOWN
    return f"{', '.join(items[:_SHOWN])} and {left} more" if left > 0 else ", ".join(items)


def _places(facts: Facts, team: Team, member: str, changes: Iterable[SyncChange]) -> Iterator[Evidence]:
    """Yield where each change is seen: in the member's files, or in the lead's when the member lacks it."""
    mine, theirs = facts.profiles[member], facts.profiles[team.lead]
    for change, _ in zip(changes, range(_MOST_PLACES), strict=False):
        there = theirs if change.action == "add" else mine
        if change.place == "env":
            yield there.at_variable(change.key)
        elif change.place == "config":
            yield there.at_path(parsed_path(change.key))
        else:
            yield mine.at_path((TEAM,), PROFILE_FILE)


def broken_link(facts: Facts) -> Iterator[Finding]:
    """Yield members in which a link into the pool is missing, leads elsewhere or was replaced."""
    for team in facts.teams.teams.by_name.values():
        for member in team.members:
            changes = [each for each in facts.teams.drifted.get(member, ()) if each.place == "link"]
            if not changes:
                continue
            told = [f"{each.key} {_link_words(each, team)}" for each in changes]
            yield Finding(
                f"{member} does not share all with {team.lead}, which leads its team {team.name}: {'; '.join(told)}",
                Fix(
                    "have the links lead there; what is in their place goes to the trash",
                    f"hermes-profiles team sync {team.name}",
                ),
                (member,),
                None,
                tuple(facts.profiles[member].at(each.key) for each in changes),
            )


def _link_words(change: SyncChange, team: Team) -> str:
    found = change.before.text if change.before is not None else ""
    if change.action == "add":
        return "is missing"
    if change.action == "remove":
        return f"is {found}, where {team.lead} has nothing to share"
    return f"is {found}"


def no_sync(facts: Facts) -> Iterator[Finding]:
    """Yield members that cannot be compared with their lead, and why."""
    for name, problem in facts.teams.not_comparable.items():
        if problem.code in _TOLD_ELSEWHERE or name not in facts.profiles:
            continue
        profile = facts.profiles[name]
        yield Finding(
            problem.message,
            Fix(problem.hint or "put it right", _command_in(problem.hint)),
            (name,),
            None,
            (profile.at_path((TEAM if name in facts.teams.teams.memberships else TEAMS,), PROFILE_FILE),),
        )


def _command_in(hint: str | None) -> str:
    """Return the last of the commands that a hint names."""
    return (hint or "").rpartition("`")[0].rpartition("`")[2]


def no_pool(facts: Facts) -> Iterator[Finding]:
    """Yield teams that have no lead, several, or one that follows somebody itself."""
    teams = facts.teams.teams
    for name, fault in facts.teams.faults.items():
        leads, members = teams.leads.get(name, ()), teams.by_name[name].members
        evidence = [facts.profiles[lead].at_path((TEAMS, name), PROFILE_FILE) for lead in leads]
        evidence += [
            facts.profiles[one].at_path((TEAM, "name"), PROFILE_FILE)
            for one in (*members, *leads)
            if one in teams.memberships
        ]
        repairs: tuple[EditFile, ...] = ()
        fix = Fix(fault.hint or "", _command_in(fault.hint))
        if fault.code == "two-leads":
            fix, repairs = _of_two(facts, name, leads)
        yield Finding(
            fault.message,
            fix,
            tuple(dict.fromkeys((*leads, *members))),
            None,
            tuple(evidence[:_MOST_PLACES]),
            repairs=repairs,
        )


def _of_two(facts: Facts, team: str, leads: Sequence[str]) -> tuple[Fix, tuple[EditFile, ...]]:
    """Return what is done about several leads: the one whose pool the members have links to is the true one."""
    followed = facts.teams.linked_leads.get(team, ())
    others = [lead for lead in leads if lead not in followed]
    paths = [facts.profiles[lead].home / PROFILE_FILE for lead in others or leads[-1:]]
    if len(followed) != 1 or not others:
        words = "take the team out of the profile.yaml of whoever does not lead it"
        return Fix(words, f'"${{EDITOR:-vi}}" {quote(str(paths[0]))}'), ()

    def without(raw: bytes, path: str) -> bytes:
        return edit_profile_yaml(raw, {(TEAMS, team): None}, path=path)

    return Fix(
        f"the links of the members lead to {followed[0]}: take the team out of the profile.yaml of {join_names(others)}",
        "hermes-profiles doctor --fix --only teams.no-pool",
    ), tuple(EditFile(path, without) for path in paths)


# --- secrets


def exposed_secret(facts: Facts) -> Iterator[Finding]:
    """Yield secrets of the lead or of a member that stand in what all of the team read."""
    for name, strays in facts.teams.exposed.items():
        team = facts.teams.teams.by_name[name]
        for stray in strays:
            who = "every member" if stray.owner == team.lead else f"{team.lead} and every member"
            yield Finding(
                f"{who} of the team {name} can read {stray.key} of {stray.owner} in {stray.path}:{stray.line}",
                Fix("take it out of the file; have the skill read the variable instead", _edit(stray)),
                tuple(dict.fromkeys((stray.owner, team.lead))),
                None,
                (_at(stray, team.lead),),
            )


def foreign_secret(facts: Facts) -> Iterator[Finding]:
    """Yield secrets of one profile of a team in the home of another one."""
    for name, strays in facts.teams.foreign.items():
        profile = facts.profiles[name]
        for stray in strays:
            variable = _variable_at(profile, stray)
            fix = Fix(
                f"take it out of {name}'s files",
                f"hermes-profiles env unset {name} {variable}" if variable else _edit(stray),
            )
            yield Finding(
                f"{stray.key} of {stray.owner} stands in {stray.path}:{stray.line}, where {name} reads it",
                fix,
                (stray.owner, name),
                None,
                (_at(stray, name)._replace(key=variable),),
            )


def _variable_at(profile: ProfileFacts, stray: MisplacedSecret) -> str | None:
    """Return the variable of `.env` on whose line a secret stands."""
    if stray.path.name != ENV_FILE:
        return None
    found = (name for name in profile.environment if profile.at_variable(name).line == stray.line)
    return next(found, None)


def _edit(stray: MisplacedSecret) -> str:
    return f'"${{EDITOR:-vi}}" {quote(str(stray.path))}'


def _at(stray: MisplacedSecret, profile: str) -> Evidence:
    return Evidence(profile, str(stray.path), stray.line)


# --- one gateway for all


def inherited_access(facts: Facts) -> Iterator[Finding]:
    """Yield profiles that one gateway for all lets people in to whom they do not let in themselves: what their own
    `.env` leaves blank, it takes from the default's environment."""
    mode = facts.teams.multiplex
    by_profile: dict[str, list[PinnedSetting]] = {}
    for each in mode.access.pinned if mode is not None else ():
        by_profile.setdefault(each.profile, []).append(each)
    for name, isolations in by_profile.items():
        profile = facts.profiles.get(name)
        if profile is None or name == DEFAULT:
            continue
        keys = [dotted(each.key) for each in isolations]
        yield Finding(
            f"whoever {DEFAULT} lets in gets in at {name}, too: one gateway serves both, and {name} has no "
            f"{join_names(keys)} of its own",
            Fix(f"write what counts for {name} into its own files", _ONE_FOR_ALL),
            (name,),
            None,
            tuple(_inherited(facts, profile, each) for each in isolations[:_MOST_PLACES]),
        )
    for limit in mode.access.issues if mode is not None else ():
        if limit.profile in facts.profiles:
            yield Finding(
                limit.message,
                Fix(limit.hint or "put it right", _command_in(limit.hint)),
                (limit.profile,),
                None,
                (facts.profiles[limit.profile].at(ENV_FILE),),
            )


def _inherited(facts: Facts, profile: ProfileFacts, each: PinnedSetting) -> Evidence:
    """Return where the default has what counts for a profile; its own file where that is blank on purpose."""
    found = facts.profiles[DEFAULT].at_variable(each.key[0]) if DEFAULT in facts.profiles else Evidence()
    return found if found.file is not None else profile.at_variable(each.key[0])


def unread_approvals(facts: Facts) -> Iterator[Finding]:
    """Yield people who were let in by pairing, in a place that one gateway for all does not look at."""
    if facts.teams.multiplex is None:
        return
    from hermes_profiles.multiplex.approvals import OWN, SERVED

    by_profile: dict[str, list[tuple[str, int]]] = {}
    for each in facts.teams.multiplex.approvals:
        by_profile.setdefault(each.profile, []).append((each.channel, each.people))
    for name, rows in by_profile.items():
        people = sum(count for _, count in rows)
        channels = [channel for channel, _ in rows]
        who = f"{people} {'person' if people == 1 else 'people'} whom {name} let in by pairing"
        yield Finding(
            f"{who} ({join_names(channels)}) {'is' if people == 1 else 'are'} not let in by one gateway for all: it looks "
            f"in {facts.profiles[name].home / SERVED}",
            Fix("carry the approvals over", _ONE_FOR_ALL),
            (name,),
            channels[0] if len(channels) == 1 else None,
            tuple(facts.profiles[name].at(f"{OWN}/{channel}-approved.json") for channel in channels),
        )
