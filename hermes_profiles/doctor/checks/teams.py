"""Reports drift, broken links, invalid leads, shared secrets, and access of teams under a multiplexer."""

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

# Keys listed in a message, and places listed in a finding.
_SHOWN = 4
_MOST_PLACES = 10
_ENABLE_MULTIPLEX = "hermes-profiles team run-mode multiplex"
# Problem codes that other checks report: a file that cannot be read or parsed.
_REPORTED_ELSEWHERE = frozenset({"unreadable-document", "unreadable"})


def drift(facts: Facts) -> Iterator[Finding]:
    """Find members whose settings or keys differ from those that their lead shares."""
    for team in facts.teams.teams.by_name.values():
        for member in team.members:
            changes = [change for change in facts.teams.drifted.get(member, ()) if change.place != "link"]
            if changes:
                keys = dict.fromkeys(
                    f"{change.key}{_DIFFERENCES[change.action]}" for change in changes if change.action in _DIFFERENCES
                )
                what = join_names(keys, _SHOWN) or "its record of shared variables in profile.yaml"
                yield Finding(
                    f"{member} differs from {team.lead}, the lead of its team {team.name}: {what}",
                    Fix(
                        f"sync the team, or keep a difference with `hermes-profiles team sync --own {member}:KEY`",
                        f"hermes-profiles team sync {team.name}",
                    ),
                    (member,),
                    None,
                    tuple(_places(facts, team, member, changes)),
                )


_DIFFERENCES = {"add": " is missing", "set": " differs", "remove": " is not set by the lead"}


def _places(facts: Facts, team: Team, member: str, changes: Iterable[SyncChange]) -> Iterator[Evidence]:
    """Yield the place of each difference, in the files of the member or of the lead."""
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
    """Find members whose link into the pool is missing, wrong or replaced by a file."""
    for team in facts.teams.teams.by_name.values():
        for member in team.members:
            changes = [change for change in facts.teams.drifted.get(member, ()) if change.place == "link"]
            if not changes:
                continue
            parts = [f"{change.key} {_link_state(change, team)}" for change in changes]
            yield Finding(
                f"{member} has broken links to {team.lead}, the lead of its team {team.name}: {'; '.join(parts)}",
                Fix(
                    "sync the team; files in place of links go to the trash",
                    f"hermes-profiles team sync {team.name}",
                ),
                (member,),
                None,
                tuple(facts.profiles[member].at(change.key) for change in changes),
            )


def _link_state(change: SyncChange, team: Team) -> str:
    found = change.before.text if change.before is not None else ""
    if change.action == "add":
        return "is missing"
    if change.action == "remove":
        return f"is {found}, but {team.lead} does not share it"
    return f"is {found}"


def no_sync(facts: Facts) -> Iterator[Finding]:
    """Find members that cannot be compared with their lead."""
    for name, problem in facts.teams.not_comparable.items():
        if problem.code in _REPORTED_ELSEWHERE or name not in facts.profiles:
            continue
        profile = facts.profiles[name]
        yield Finding(
            problem.message,
            Fix(problem.hint or "fix the cause", _command_in(problem.hint)),
            (name,),
            None,
            (profile.at_path((TEAM if name in facts.teams.teams.memberships else TEAMS,), PROFILE_FILE),),
        )


def _command_in(hint: str | None) -> str:
    """Return the last command in a hint."""
    return (hint or "").rpartition("`")[0].rpartition("`")[2]


def no_pool(facts: Facts) -> Iterator[Finding]:
    """Find teams without a lead, with several leads, or with a lead that is a member of a team."""
    teams = facts.teams.teams
    for name, fault in facts.teams.faults.items():
        leads, members = teams.leads.get(name, ()), teams.by_name[name].members
        evidence = [facts.profiles[lead].at_path((TEAMS, name), PROFILE_FILE) for lead in leads]
        evidence += [
            facts.profiles[name].at_path((TEAM, "name"), PROFILE_FILE)
            for name in (*members, *leads)
            if name in teams.memberships
        ]
        repairs: tuple[EditFile, ...] = ()
        fix = Fix(fault.hint or "", _command_in(fault.hint))
        if fault.code == "two-leads":
            fix, repairs = _fix_several_leads(facts, name, leads)
        yield Finding(
            fault.message,
            fix,
            tuple(dict.fromkeys((*leads, *members))),
            None,
            tuple(evidence[:_MOST_PLACES]),
            repairs=repairs,
        )


def _fix_several_leads(facts: Facts, team: str, leads: Sequence[str]) -> tuple[Fix, tuple[EditFile, ...]]:
    """Return (fix, repairs) for a team with several leads; the lead that the members link to is kept."""
    followed = facts.teams.linked_leads.get(team, ())
    others = [lead for lead in leads if lead not in followed]
    paths = [facts.profiles[lead].home / PROFILE_FILE for lead in others or leads[-1:]]
    if len(followed) != 1 or not others:
        text = "remove the team from the profile.yaml of each profile that does not lead it"
        return Fix(text, f"${{EDITOR:-vi}} {quote(str(paths[0]))}"), ()

    def without(raw: bytes, path: str) -> bytes:
        return edit_profile_yaml(raw, {(TEAMS, team): None}, path=path)

    return Fix(
        f"remove the team from the profile.yaml of {join_names(others)}: its members link to {followed[0]}",
        "hermes-profiles doctor --fix --only teams.no-pool",
    ), tuple(EditFile(path, without) for path in paths)


# --- secrets


def exposed_secret(facts: Facts) -> Iterator[Finding]:
    """Find secrets of the lead or a member in the pool, which the whole team reads."""
    for name, secrets in facts.teams.exposed.items():
        team = facts.teams.teams.by_name[name]
        for secret in secrets:
            readers = "every member" if secret.owner == team.lead else f"{team.lead} and every member"
            yield Finding(
                f"{readers} of the team {name} can read {secret.key} of {secret.owner} in {secret.path}:{secret.line}",
                Fix("remove it from the file, and read the variable in the skill instead", _edit(secret)),
                tuple(dict.fromkeys((secret.owner, team.lead))),
                None,
                (_at(secret, team.lead),),
            )


def foreign_secret(facts: Facts) -> Iterator[Finding]:
    """Find secrets of one team member in the home of another."""
    for name, secrets in facts.teams.foreign.items():
        profile = facts.profiles[name]
        for secret in secrets:
            variable = _variable_at(profile, secret)
            fix = Fix(
                f"remove it from the files of {name}",
                f"hermes-profiles env unset {name} {variable}" if variable else _edit(secret),
            )
            yield Finding(
                f"{name} has {secret.key} of {secret.owner} in {secret.path}:{secret.line}",
                fix,
                (secret.owner, name),
                None,
                (_at(secret, name)._replace(key=variable),),
            )


def _variable_at(profile: ProfileFacts, secret: MisplacedSecret) -> str | None:
    """Return the variable of `.env` on the line of a secret, None for other files."""
    if secret.path.name != ENV_FILE:
        return None
    found = (name for name in profile.environment if profile.at_variable(name).line == secret.line)
    return next(found, None)


def _edit(secret: MisplacedSecret) -> str:
    return f"${{EDITOR:-vi}} {quote(str(secret.path))}"


def _at(secret: MisplacedSecret, profile: str) -> Evidence:
    return Evidence(profile, str(secret.path), secret.line)


# --- multiplexer


def inherited_access(facts: Facts) -> Iterator[Finding]:
    """Find profiles that a multiplexer opens to users of the default profile.

    A setting that the `.env` of a profile does not set comes from the environment of the default profile.
    """
    mode = facts.teams.multiplex
    by_profile: dict[str, list[PinnedSetting]] = {}
    for setting in mode.access.pinned if mode is not None else ():
        by_profile.setdefault(setting.profile, []).append(setting)
    for name, settings in by_profile.items():
        profile = facts.profiles.get(name)
        if profile is None or name == DEFAULT:
            continue
        keys = [dotted(setting.key) for setting in settings]
        yield Finding(
            f"users allowed for {DEFAULT} also have access to {name}: the multiplexer serves both, and {name} does not "
            f"set {join_names(keys)}",
            Fix(f"write these settings into the files of {name}", _ENABLE_MULTIPLEX),
            (name,),
            None,
            tuple(_inherited(facts, profile, setting) for setting in settings[:_MOST_PLACES]),
        )
    for limit in mode.access.issues if mode is not None else ():
        if limit.profile in facts.profiles:
            yield Finding(
                limit.message,
                Fix(limit.hint or "fix the cause", _command_in(limit.hint)),
                (limit.profile,),
                None,
                (facts.profiles[limit.profile].at(ENV_FILE),),
            )


def _inherited(facts: Facts, profile: ProfileFacts, setting: PinnedSetting) -> Evidence:
    """Return the place of the inherited setting in the default profile, else in the profile itself."""
    found = facts.profiles[DEFAULT].at_variable(setting.key[0]) if DEFAULT in facts.profiles else Evidence()
    return found if found.file is not None else profile.at_variable(setting.key[0])


def unread_approvals(facts: Facts) -> Iterator[Finding]:
    """Find pairing approvals in a folder that the multiplexer does not read."""
    if facts.teams.multiplex is None:
        return
    from hermes_profiles.multiplex.approvals import OWN, SERVED

    by_profile: dict[str, list[tuple[str, int]]] = {}
    for approval in facts.teams.multiplex.approvals:
        by_profile.setdefault(approval.profile, []).append((approval.channel, approval.people))
    for name, rows in by_profile.items():
        people = sum(count for _, count in rows)
        channels = [channel for channel, _ in rows]
        users = f"{people} {'user' if people == 1 else 'users'} approved by pairing for {name}"
        yield Finding(
            f"{users} ({join_names(channels)}) {'has' if people == 1 else 'have'} no access: the "
            f"multiplexer reads {facts.profiles[name].home / SERVED}",
            Fix("copy the approvals", _ENABLE_MULTIPLEX),
            (name,),
            channels[0] if len(channels) == 1 else None,
            tuple(facts.profiles[name].at(f"{OWN}/{channel}-approved.json") for channel in channels),
        )
