"""What new members are called: as a file of names says, else after their accounts, always the same for the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.hermes.profile_names import RESERVED
from hermes_profiles.model.errors import DocumentError, Problem, UsageProblem
from hermes_profiles.model.names import RULE, check_new_name

from .model import Candidate, InvalidAccount, normalized_id
from .read import json_in, read_quietly, read_text
from .rows import column_of_names

_LONGEST = 40
_HINT = "each line is `ACCOUNT-ID NAME`; see the ids with `--dry-run`"


class NameEntry(NamedTuple):
    """A line of a file of names: the account's id, or its user's, and the name that its member gets."""

    place: str
    key: str
    name: str


def read_names(path: Path) -> tuple[NameEntry, ...]:
    """Return what a file calls members: JSON, or lines of an id and a name with a comma, semicolon, tab or blank
    between; a first line may name the columns.

    Raises DocumentError with the line of what is neither, of a name that none can have, and of an id or name that
    comes twice. No text of the file is shown: somebody may have taken it for the table with tokens.
    """
    raw = read_quietly(path)
    text = read_text(raw, str(path)).text
    rows = _json_rows(raw, str(path)) if text.lstrip()[:1] in ("{", "[") else _line_rows(text, str(path))
    named: list[NameEntry] = []
    keys: dict[str, int] = {}
    names: dict[str, int] = {}
    for line, key, name in rows:
        checked = _checked(str(path), line, name)
        for seen, word, what in ((keys, normalized_id(key) or key, "account"), (names, checked, "name")):
            if word in seen:
                raise DocumentError(str(path), line, f"this {what} stands in line {seen[word]} too", hint=_HINT)
            seen[word] = line
        named.append(NameEntry(f"{path}:{line}", key, checked))
    return tuple(named)


def _checked(path: str, line: int, name: str) -> str:
    try:
        return check_new_name(name)
    except UsageProblem as error:
        reason = "is reserved by Hermes" if error.problem.code == "reserved-name" else f"is none: a name is {RULE}"
        raise DocumentError(path, line, f"the name of the member {reason}", hint=_HINT) from None


def _line_rows(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    turned = False
    is_first = True
    for line, words in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if not words.strip() or words.lstrip().startswith("#"):
            continue
        between = r"[,;\t]" if re.search(r"[,;\t]", words.strip()) else r"\s+"
        parts = [part.strip().strip("\"'") for part in re.split(between, words.strip(), maxsplit=1)]
        if len(parts) != 2 or not all(parts):
            raise DocumentError(path, line, "this is no id with a name", hint=_HINT)
        columns = [column_of_names(part) for part in parts] if is_first else []
        is_first = False
        if sorted(filter(None, columns)) == ["id", "name"]:
            turned = columns == ["name", "id"]
            continue
        yield (line, parts[1], parts[0]) if turned else (line, parts[0], parts[1])


def _json_rows(raw: bytes, path: str) -> Iterator[tuple[int, str, str]]:
    document = json_in(raw, path)
    data = document.data()

    def line_of(*keys: str) -> int:
        entry = document.get(keys)
        return entry.line if entry is not None else 1

    if isinstance(data, Mapping):
        pairs = [(line_of(key), key, name) for key, name in data.items()]
    else:
        pairs = []
        for number, each in enumerate(data if isinstance(data, list) else ()):
            found: dict[str, object] = {}
            for key, value in each.items() if isinstance(each, Mapping) else ():
                if column := column_of_names(key):
                    found[column] = value
            pairs.append((line_of(f"[{number}]"), str(found.get("id", "")), found.get("name")))
    for line, account_id, name in pairs:
        if not isinstance(name, str) or not name.strip() or not account_id.strip():
            raise DocumentError(path, line, "this is no id with a name", hint=_HINT)
        yield line, account_id.strip(), name.strip()


def apply_names(
    candidates: Sequence[Candidate], named: Sequence[NameEntry], known: Sequence[str]
) -> tuple[tuple[Candidate, ...], tuple[InvalidAccount, ...]]:
    """Return the candidates with the names that a file gives them, and its lines that name no account.

    `known`: accounts that are not brought in, which a file may name all the same.
    """
    others = {normalized_id(each) for each in known} | set(known)
    wishes: dict[int, NameEntry] = {}
    bad = []
    for each in named:
        places = [
            number
            for number, candidate in enumerate(candidates)
            if normalized_id(each.key) in (normalized_id(candidate.account.id), normalized_id(candidate.listed))
            or each.key == candidate.account.user
        ]
        if not places and each.key not in others and normalized_id(each.key) not in others:
            bad.append(InvalidAccount("", _unmatched(each, "no account of this import has this id")))
        elif len(places) > 1 or (places and places[0] in wishes):
            bad.append(
                InvalidAccount("", _unmatched(each, "several accounts have this id, or another line names this one"))
            )
        for place in places[:1]:
            wishes.setdefault(place, each)
    return tuple(
        candidate._replace(name=wishes[number].name, is_exact=True) if number in wishes else candidate
        for number, candidate in enumerate(candidates)
    ), tuple(bad)


def _unmatched(named: NameEntry, reason: str) -> Problem:
    hint = "see the ids with `--dry-run`, without `--names`"
    return Problem("bad-names", f"{named.place}: {reason}", named.place, hint)


def assign_names(
    candidates: Sequence[Candidate], is_taken: Callable[[str], bool]
) -> tuple[tuple[tuple[str, Candidate], ...], tuple[InvalidAccount, ...]]:
    """Return each candidate with a name, and those whose own name another has; no name is given twice.

    A derived name is what people call the account, else the first part of its id, with `-2` behind it where that is
    taken: always the same for the same candidates and profiles.
    """
    bad: list[InvalidAccount] = []
    given: dict[str, str] = {}  # name → where its account stands
    refused: set[int] = set()
    for number, each in enumerate(candidates):
        if not each.is_exact:
            continue
        there = f"{given[each.name]} is to be called" if each.name in given else "there is a profile"
        if each.name in given or is_taken(each.name):
            bad.append(InvalidAccount(each.listed, _taken(each, there)))
            refused.add(number)
        given.setdefault(each.name, each.account.origin)
    pairs = []
    for number, each in enumerate(candidates):
        if number not in refused:
            name = each.name if each.is_exact else _free_name(each, lambda name: name in given or is_taken(name))
            given.setdefault(name, each.account.origin)
            pairs.append((name, each))
    return tuple(pairs), tuple(bad)


def _taken(candidate: Candidate, there: str) -> Problem:
    hint = "choose another name; see the names there are with `hermes-profiles list`"
    return Problem("exists", f"{candidate.account.origin}: {there} {candidate.name} already", candidate.name, hint)


def _free_name(candidate: Candidate, is_taken: Callable[[str], bool]) -> str:
    bases = (safe_name(candidate.name), safe_name(candidate.account.id.partition("@")[0]), candidate.account.channel)
    base = next(each for each in bases if each and each not in RESERVED)
    number = 1
    while is_taken(name := base if number == 1 else f"{base}-{number}"):
        number += 1
    return name


def safe_name(text: str) -> str:
    """Return what people call something as the name of a profile, "" when too little of it would be left."""
    plain = unicodedata.normalize("NFKD", text)
    if any(each.isalnum() and not each.isascii() for each in plain):
        return ""  # half a name says less than the id
    kept = "".join(each for each in plain if each.isascii()).lower()
    return re.sub(r"[^a-z0-9_]+", "-", kept).strip("-_")[:_LONGEST].rstrip("-_")
