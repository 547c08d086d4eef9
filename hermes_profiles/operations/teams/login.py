"""Log a member in with Hermes' own set-up of its channel, and check the account before it is bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.temp_home import clear_scratch, make_scratch, temporary_home
from hermes_profiles.changes.trash import steps_to_trash_found
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.host.topology import configured
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import Failed, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.teams.accounts import Account, short_id
from hermes_profiles.teams.login_result import (
    AccountHolder,
    LoginKind,
    LoginVerdict,
    NewLogin,
    account_holders,
    changed_files,
    judge_login,
    read_login,
    rebind_account,
    snapshot_accounts,
)
from hermes_profiles.teams.model import Team, read_teams

from ..accounts.hermes_setup import run_setup
from ..context import Session
from .add_member import TeamPlace


class LoggedIn(NamedTuple):
    """An account and its member: the one that logs in, or the holder of the account if the user chose that."""

    member: str
    account: Account
    warnings: tuple[Problem, ...]


class LoginPrompts(NamedTuple):
    """How a login talks to the user at the terminal: `note` prints a line, `ask` returns the answer to a question."""

    note: Callable[[str], None]
    ask: Callable[[str], str]


@contextmanager
def logged_in(
    session: Session, place: TeamPlace, allowed: tuple[str, ...], prompts: LoginPrompts
) -> Iterator[LoggedIn]:
    """Run the set-up of the team's channel for a member in a temporary home, and yield the account.

    `allowed`: ids of the users who may talk to it. No profile changes while it runs; an account that is not bound goes
    to the trash. Raises Refused for an account of another profile and when the user does not confirm, Failed when there
    was no login, KeyboardInterrupt for Ctrl-C.
    """
    _, team, member, catalog, _ = place
    with temporary_home(session.layout, member) as folder:
        work = _LoginRun(session, team, member, catalog, folder, prompts)
        warnings = [*work.put_away_former()]
        make_scratch(folder)
        profiles = profile_names(session.layout)
        before = snapshot_accounts(session.layout, profiles)
        prompts.note(f"Hermes' own set-up of {team.channel} for {member}; Ctrl-C ends it, and {member} stays as it is")
        like = member if member in profiles else team.lead
        code, pressed = run_setup(
            session.layout,
            session.environment,
            channel=team.channel,
            like=like,
            by_variables=work.command(member),
            place=folder,
            catalog=catalog,
        )
        login = read_login(folder, team.channel, catalog)
        warnings += _meanwhile(changed_files(before, snapshot_accounts(session.layout, profiles)))
        account = work.account_of(login, code, pressed=pressed)
        if allowed:
            account = account._replace(allowed=allowed, policies={**account.policies, "dm_policy": "allowlist"})
        holders = list(account_holders(session.layout, profiles, team.channel, catalog))
        verdict = judge_login(member, account, holders, catalog)
        target = work.agreed(login, account, verdict)
        if target != member:
            account = rebind_account(account, session.layout, target, catalog)
        yield LoggedIn(
            target, account, (*warnings, *_policy_warnings(session, target, account, login, work.command(target)))
        )


def logged_in_alone(
    session: Session, profile: str, channel: str, catalog: Catalog, allowed: tuple[str, ...], prompts: LoginPrompts
) -> AbstractContextManager[LoggedIn]:
    """Return `logged_in` for a profile and a channel without a team."""
    alone = Team("", profile, channel, (), ())
    return logged_in(session, TeamPlace(read_teams(session.layout), alone, profile, catalog, ()), allowed, prompts)


class _LoginRun:
    """One login: what is asked, and what becomes of a login that is not taken."""

    def __init__(
        self, session: Session, team: Team, member: str, catalog: Catalog, place: Path, prompts: LoginPrompts
    ) -> None:
        self._session = session
        self._team = team
        self._member = member
        self._catalog = catalog
        self._place = place
        self._prompts = prompts

    def put_away_former(self) -> Iterator[Problem]:
        """Remove the temporary home of a killed login; yield a warning for it."""
        if not self._place.is_dir():
            return
        login = read_login(self._place, self._team.channel, self._catalog)
        where = self._put_away(login, self._keeper(""), "a login that did not come to its end")
        if where:
            yield Problem(
                "left-over",
                f"a login of {self._member} that did not come to its end is in the trash now: {where}",
                self._member,
                f"see what is there with `hermes-profiles trash list`; `hermes-profiles restore {where}` takes it back",
            )

    def account_of(self, login: NewLogin, code: int, *, pressed: bool) -> Account:
        """Return the account of a login that came to its end."""
        member, where = self._member, ""
        if login.account is not None and login.is_whole and not pressed:
            return login.account
        if login.account is not None:
            where = self._put_away(login, self._keeper(""), "a login that did not come to its end")
        clear_scratch(self._place)
        if pressed:
            if where:
                self._prompts.note(f"the login is in the trash: {where}")
            raise KeyboardInterrupt
        how = f"exit {code}" if code >= 0 else f"signal {-code}"
        kept = f"; what was scanned is in the trash: {where}" if where else ""
        raise Failed(
            f"the set-up of {self._team.channel} ended without a login ({how}), {member} is as it was{kept}",
            target=member,
            code="no-login",
            hint=f"try again: `{self._command(member)}`",
        )

    def agreed(self, login: NewLogin, account: Account, verdict: LoginVerdict) -> str:
        """Return the profile that gets the account; the user at the terminal decides where it is not clear."""
        kind, holder = verdict
        new, channel = short_id(account.id), self._team.channel
        if holder is None or kind is LoginKind.NEW:
            return self._member
        if kind is LoginKind.RENEWED:
            self._prompts.note(f"the login renews the account of {self._member}: {new}")
            return self._member
        if kind is LoginKind.REPLACES:
            question = f"{self._member} answers for {short_id(holder.account)} now, the login is {new}, another account"
            if self._says(login, f"{question}; type {self._member!r} to put it in its place: ") == self._member:
                return self._member
            raise self._refused(login, f"{question}: not confirmed", "not-confirmed", self._member)
        is_member = holder.profile in self._team.members
        what = _whose(verdict.kind, holder, new, channel)
        question = f"{what}; type {holder.profile!r} to give it to {holder.profile}: "
        if is_member and self._says(login, question) == holder.profile:
            return holder.profile
        raise self._refused(login, f"{what}; {self._member} does not get it", "account-taken", holder.profile)

    def command(self, profile: str) -> str:
        """Return the command that gives a profile an account."""
        if not self._team.name:
            return f"hermes-profiles connect {profile} {self._team.channel}"
        return f"hermes-profiles team add {profile} --team {self._team.name}"

    def _command(self, profile: str) -> str:
        """Return the command that logs a profile in."""
        return f"{self.command(profile)} --login" if self._team.name else self.command(profile)

    def _says(self, login: NewLogin, question: str) -> str:
        try:
            return self._prompts.ask(question)
        except KeyboardInterrupt:
            where = self._put_away(login, self._keeper(""), "a login that was not taken")
            clear_scratch(self._place)
            self._prompts.note(f"the login is in the trash: {where}")
            raise

    def _keeper(self, otherwise: str) -> str:
        """Return the profile that a login in the trash is kept for: the member, where there is one."""
        return self._member if self._member in profile_names(self._session.layout) else otherwise or self._team.lead

    def _refused(self, login: NewLogin, message: str, code: str, about: str) -> Refused:
        where = self._put_away(login, self._keeper(about), "a login that was not taken")
        clear_scratch(self._place)
        again = f"`{self._command(about)}`"
        if about not in self._team.members and about != self._member:
            again = f"`hermes -p {about} gateway setup`"
        hint = f"a scan for {about} gives it an account that holds: {again}"
        if code == "not-confirmed":
            hint = f"another profile for another account: `{self._command('NAME')}`"
        kept = f"; it is in the trash: {where}" if where else ""
        return Refused(f"{message}{kept}", target=about, code=code, hint=hint)

    def _put_away(self, login: NewLogin, profile: str, reason: str) -> str:
        """Move the files of a login to the trash and return the id of the entry, "" when there are none."""
        if not login.files:
            return ""
        layout, now = self._session.layout, utc_now()
        trash_id = Journal(layout.state).fresh_id(now)
        steps = steps_to_trash_found(
            layout, profile, login.files, trash_id=trash_id, deleted_at=iso(now), reason=f"{reason}: {self._member}"
        )
        command: tuple[str, ...] = ("connect", self._member, self._team.channel)
        if self._team.name:
            command = ("team", "add", self._team.name, self._member, "--login")
        apply(ChangePlan(command, f"put away {reason} of {self._member}", steps, profiles=(profile,)), layout=layout)
        return f"{trash_id}-{profile}"


def _whose(kind: LoginKind, holder: AccountHolder, new: str, channel: str) -> str:
    who = holder.profile
    if kind is LoginKind.ACCOUNT_OF_ANOTHER:
        return f"the login is the {channel} account of {who}, {new}: the token that {who} has may hold no longer"
    return (
        f"the user who scanned is behind the {channel} account of {who}, {short_id(holder.account)}: that one "
        f"may have ended with it, and {new} is the one that holds"
    )


def _meanwhile(found: tuple[tuple[str, str], ...]) -> Iterator[Problem]:
    for profile, path in found:
        yield Problem(
            "changed-meanwhile",
            f"{path} of {profile} changed while the set-up ran, by another program",
            profile,
            f"see whether it is well: `hermes-profiles doctor {profile}`",
        )


def _policy_warnings(
    session: Session, member: str, account: Account, login: NewLogin, command: str
) -> Iterator[Problem]:
    """Yield warnings about the users who can talk to a member; `command` gives it an account."""
    policy = account.policies.get("dm_policy", "")
    hint = f"set the users who may talk: `{command} --allow {account.user or 'ID'}`"
    if policy == "open":
        yield Problem("open-policy", f"every user who writes to {member} is answered, at your expense", member, hint)
    if policy == "pairing" and _is_multiplexed(session) and not _reads_own_approvals(session):
        yield Problem(
            "no-pairing",
            f"a user who writes to {member} gets a code that cannot be approved: Hermes 0.19.0 looks for it "
            "elsewhere while one gateway serves all",
            member,
            hint,
        )
    if login.other:
        yield Problem(
            "left-out",
            f"the set-up also set {', '.join(login.other)}: no part of an account, so it was left out",
            member,
        )


def _reads_own_approvals(session: Session) -> bool:
    """Return whether a gateway for all profiles reads the approvals of each profile from that profile."""
    return session.layout.installed().has(Behaviour.PROFILE_INGRESS)


def _is_multiplexed(session: Session) -> bool:
    files = HomeFiles(session.layout.home(DEFAULT), session.catalog.known_names)
    config = files.sections(CONFIG_FILE, ("gateway", "multiplex_profiles"))
    return bool(configured(config, files.environment()))
