"""Selects the accounts to import: without expired, duplicate and already bound ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.teams.accounts import WEIXIN, short_id

from .model import Candidate, InvalidAccount, SkippedAccount, SourceAccounts, normalized_id, parse_time

TAKEN = "account-taken"


class HeldAccounts(NamedTuple):
    """Accounts of one profile.

    `marks`: identity keys of its accounts; `user`: id of the user that scanned the code of its WeChat account, at
    `saved_at`; `is_member`: whether it is in the team of the import.
    """

    profile: str
    marks: frozenset[str]
    user: str = ""
    saved_at: str = ""
    is_member: bool = False


class ImportSelection(NamedTuple):
    """Selected accounts. `new`: to import; `already`: (member, account) of the team."""

    new: tuple[Candidate, ...]
    already: tuple[tuple[str, Candidate], ...]
    left_out: tuple[SkippedAccount, ...]
    bad: tuple[InvalidAccount, ...]
    notes: tuple[Problem, ...]


def select_accounts(
    reading: SourceAccounts,
    holders: Sequence[HeldAccounts],
    marks_of: Callable[[Candidate], frozenset[str]],
    is_example: Callable[[Candidate], bool],
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> ImportSelection:
    """Return the selection. Raises UsageProblem for an unknown account in `only` or `skip`."""
    reading = _selected(reading, only, skip)
    sieve = _AccountFilter(holders, marks_of, list(reading.bad), list(reading.left_out), list(reading.notes))
    rest = sieve.switched_on(reading.found, only)
    rest = sieve.with_tokens(rest, is_example)
    rest = sieve.each_once(rest)
    rest = sieve.newest_of_user(rest)
    rest = sieve.with_own_token(rest)
    new = sieve.free(rest)
    return ImportSelection(
        tuple(new), tuple(sieve.already), tuple(sieve.left_out), tuple(sieve.bad), tuple(sieve.notes)
    )


def _account_names(candidate: Candidate) -> set[str]:
    ids = (candidate.listed, candidate.account.id)
    return {each for each in (*ids, *map(normalized_id, ids), candidate.account.user) if each}


def _selected(reading: SourceAccounts, only: Sequence[str], skip: Sequence[str]) -> SourceAccounts:
    names = [_account_names(each) for each in reading.found]
    others = [*(each.id for each in reading.bad), *(each.id for each in reading.left_out)]
    names += [{each, normalized_id(each)} for each in others]
    for option, values in (("--only", only), ("--skip", skip)):
        for account_id in values:
            if not any(_matches(account_id, each) for each in names):
                known = ", ".join(dict.fromkeys(each.account.id or each.listed for each in reading.found))
                raise UsageProblem(
                    f"{option} {account_id}: no account has this id",
                    target=option,
                    code="no-such-account",
                    hint=f"use one of: {known}" if known else "the source has no account to import",
                )

    def is_wanted(called: set[str]) -> bool:
        is_named = not only or any(_matches(account_id, called) for account_id in only)
        return is_named and not any(_matches(account_id, called) for account_id in skip)

    return reading._replace(
        found=tuple(each for each in reading.found if is_wanted(_account_names(each))),
        bad=tuple(each for each in reading.bad if is_wanted({each.id, normalized_id(each.id)})),
    )


def _matches(account_id: str, called: Collection[str]) -> bool:
    return bool(account_id) and (account_id in called or normalized_id(account_id) in called)


def _latest(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that was saved last, None if unknown; one without a time is older."""
    known = [(when, each) for each in candidates if (when := parse_time(each.account.saved_at)) is not None]
    last = max((when for when, _ in known), default=None)
    newest = [each for when, each in known if when == last]
    return newest[0] if len(newest) == 1 else None


class _AccountFilter:
    """Removes accounts that must not be imported, step by step, and records the reasons."""

    def __init__(
        self,
        holders: Sequence[HeldAccounts],
        marks_of: Callable[[Candidate], frozenset[str]],
        bad: list[InvalidAccount],
        left_out: list[SkippedAccount],
        notes: list[Problem],
    ) -> None:
        self.holders, self.bad, self.left_out, self.notes = holders, bad, left_out, notes
        self.already: list[tuple[str, Candidate]] = []
        self._marks_of = marks_of

    def _refuse(self, candidate: Candidate, message: str, *, code: str = "bad-account", hint: str = "") -> None:
        origin = candidate.account.origin
        account_id = candidate.account.id or candidate.listed
        problem = Problem(code, f"{origin}: {message}" if origin else message, account_id, hint or _skip(account_id))
        self.bad.append(InvalidAccount(candidate.listed, problem))

    def switched_on(self, candidates: Iterable[Candidate], only: Sequence[str]) -> list[Candidate]:
        """Return the candidates that are enabled in their source or listed in `only`."""
        rest = []
        for each in candidates:
            if each.is_off and not any(_matches(account_id, _account_names(each)) for account_id in only):
                reason = f"disabled in {each.is_off}; `--only {each.account.id}` imports it"
                self.left_out.append(SkippedAccount(each.account.id, reason))
            else:
                rest.append(each)
        return rest

    def with_tokens(self, candidates: Iterable[Candidate], is_example: Callable[[Candidate], bool]) -> list[Candidate]:
        """Return the candidates with real credentials, not placeholders from documentation."""
        rest = []
        for each in candidates:
            if is_example(each):
                self._refuse(each, "its credentials are a placeholder from documentation")
            else:
                rest.append(each)
        return rest

    def each_once(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return each WeChat account once: the last saved one, or any if all are equal."""
        rest = []
        for group in _groups(candidates, lambda each: normalized_id(each.account.id)):
            tokens = {frozenset(self._marks_of(each)) for each in group}
            kept = _latest(group) or (group[0] if len(tokens) == 1 else None)
            if kept is not None:
                rest.append(kept)
                for each in group:
                    if each is kept:
                        continue
                    message = f"{each.account.origin}: the account is also in {kept.account.origin}, which is used"
                    self.notes.append(Problem("named-twice", message, each.account.id))
                continue
            for each in group:
                others = [other.account.origin for other in group if other is not each]
                self._refuse(
                    each,
                    f"the account has another token in {', '.join(others)}, and it is unknown which one is newer",
                    hint="remove the older one",
                )
        return rest

    def newest_of_user(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the last scanned account of each WeChat user: a new scan creates an account and ends the old one."""
        rest = []
        for group in _groups(candidates, lambda each: each.account.user):
            kept = group[0] if len(group) == 1 else _latest(group)
            for each in group:
                if kept is None:
                    others = ", ".join(other.account.id for other in group if other is not each)
                    self._refuse(
                        each,
                        f"the same WeChat user also scanned for {others}: only the last scan is valid, and "
                        "it is unknown which one that is",
                    )
                elif each is not kept:
                    reason = f"expired: its WeChat user scanned again for {kept.account.id}"
                    self.left_out.append(SkippedAccount(each.account.id, reason))
            rest += [kept] if kept is not None else []
        return rest

    def with_own_token(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates with a token that no other candidate has."""
        rest = []
        for each in candidates:
            marks = self._marks_of(each)
            twins = [other for other in candidates if other is not each and self._marks_of(other) & marks]
            if twins:
                where = ", ".join(dict.fromkeys(other.account.origin for other in twins))
                self._refuse(each, f"another account has the same token ({where}): its owner is unknown")
            else:
                rest.append(each)
        return rest

    def free(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return the candidates that no profile holds; those of a member of the team are recorded in `already`."""
        rest = []
        for each in candidates:
            marks = self._marks_of(each)
            holders = [holder for holder in self.holders if holder.marks & marks]
            member = next((one.profile for one in holders if one.is_member and marks <= one.marks), None)
            if member is not None:
                self.already.append((member, each))
            elif holders:
                self._refuse_held(each, holders[0], marks)
            elif not self._is_superseded(each):
                rest.append(each)
        return rest

    def _refuse_held(self, candidate: Candidate, holder: HeldAccounts, marks: frozenset[str]) -> None:
        how = "holds it" if marks <= holder.marks else "holds the account with another token, or its token"
        account_id = candidate.account.id or candidate.listed
        self._refuse(
            candidate,
            f"the profile {holder.profile} already {how}: only one profile can use it",
            code=TAKEN,
            hint=f"{_skip(account_id)}; `hermes-profiles show {holder.profile}` shows the holder",
        )

    def _is_superseded(self, candidate: Candidate) -> bool:
        """Return whether a profile has a newer scan of the same user; for an older scan a note is added."""
        account = candidate.account
        for holder in self.holders if account.channel == WEIXIN and account.user else ():
            if holder.user != account.user:
                continue
            here, there = parse_time(account.saved_at), parse_time(holder.saved_at)
            if here is not None and there is not None and here < there:
                reason = f"expired: its WeChat user scanned again for {holder.profile}"
                self.left_out.append(SkippedAccount(account.id, reason))
                return True
            self.notes.append(
                Problem(
                    "older-scan",
                    f"{holder.profile} has an account of the same WeChat user as {short_id(account.id)}: "
                    "only the last scan is valid",
                    holder.profile,
                    f"if it gets no messages any more, run `hermes-profiles team remove {holder.profile}`",
                )
            )
        return False


def _skip(account_id: str) -> str:
    return f"skip it with `--skip {account_id}`, or all invalid accounts with `--skip-bad`"


def _groups(candidates: Iterable[Candidate], key: Callable[[Candidate], str]) -> list[list[Candidate]]:
    """Return the candidates grouped by a key of WeChat accounts, in order; others are alone."""
    groups: dict[object, list[Candidate]] = {}
    for each in candidates:
        same = key(each) if each.account.channel == WEIXIN else ""
        groups.setdefault(same or id(each), []).append(each)
    return list(groups.values())
