"""Names of new members: from a file of names, else derived from their accounts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hermes_profiles.hermes.profile_names import RESERVED
from hermes_profiles.model.errors import DocumentError, Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import RULE, check_new_name

from .model import Candidate, InvalidAccount, normalized_id
from .read import json_in, read_quietly, read_text
from .rows import column_of_names

_LONGEST = 40
_HINT = "use lines of the form `ACCOUNT-ID NAME`; `--dry-run` lists the ids"


class NameEntry(NamedTuple):
    """A line of a file of names. `key`: id of an account or its user; `name`: name of the member."""

    place: str
    key: str
    name: str


def read_names(path: Path) -> tuple[NameEntry, ...]:
    """Return the entries of a file of names.

    The file is JSON, or has lines with an id and a name, separated by a comma, semicolon, tab or space; a first line
    can name the columns. Raises DocumentError for a line of another form, an invalid name, and a duplicate id or name.
    Messages show no text of the file: it could be the table with tokens, given by mistake.
    """
    raw = read_quietly(path)
    text = read_text(raw, str(path)).text
    rows = _json_rows(raw, str(path)) if text.lstrip()[:1] in ("{", "[") else _line_rows(text, str(path))
    named: list[NameEntry] = []
    keys: dict[str, int] = {}
    names: dict[str, int] = {}
    for line, key, name in rows:
        checked = _checked(str(path), line, name)
        for seen, value, what in ((keys, normalized_id(key) or key, "account"), (names, checked, "name")):
            if value in seen:
                raise DocumentError(str(path), line, f"the same {what} is in line {seen[value]}", hint=_HINT)
            seen[value] = line
        named.append(NameEntry(f"{path}:{line}", key, checked))
    return tuple(named)


def _checked(path: str, line: int, name: str) -> str:
    try:
        return check_new_name(name)
    except UsageProblem as error:
        reason = "is reserved by Hermes" if error.problem.code == "reserved-name" else f"is not valid: use {RULE}"
        raise DocumentError(path, line, f"the name of the member {reason}", hint=_HINT) from None


def _line_rows(text: str, path: str) -> Iterator[tuple[int, str, str]]:
    is_reversed = False
    is_first = True
    for line, content in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        between = r"[,;\t]" if re.search(r"[,;\t]", content.strip()) else r"\s+"
        parts = [part.strip().strip("\"'") for part in re.split(between, content.strip(), maxsplit=1)]
        if len(parts) != 2 or not all(parts):
            raise DocumentError(path, line, "not an id with a name", hint=_HINT)
        columns = [column_of_names(part) for part in parts] if is_first else []
        is_first = False
        if sorted(filter(None, columns)) == ["id", "name"]:
            is_reversed = columns == ["name", "id"]
            continue
        yield (line, parts[1], parts[0]) if is_reversed else (line, parts[0], parts[1])


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
            raise DocumentError(path, line, "not an id with a name", hint=_HINT)
        yield line, account_id.strip(), name.strip()


def apply_names(
    candidates: Sequence[Candidate], named: Sequence[NameEntry], known: Sequence[str]
) -> tuple[tuple[Candidate, ...], tuple[InvalidAccount, ...]]:
    """Return the candidates with the names from a file, and the lines of the file that match no account.

    `known`: ids of accounts that are not imported, which the file can contain.
    """
    others = {normalized_id(each) for each in known} | set(known)
    entries: dict[int, NameEntry] = {}
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
        elif len(places) > 1 or (places and places[0] in entries):
            bad.append(
                InvalidAccount(
                    "", _unmatched(each, "several accounts match this id, or another line has the same account")
                )
            )
        for place in places[:1]:
            entries.setdefault(place, each)
    return tuple(
        candidate._replace(name=entries[number].name, is_exact=True) if number in entries else candidate
        for number, candidate in enumerate(candidates)
    ), tuple(bad)


def _unmatched(named: NameEntry, reason: str) -> Problem:
    hint = "list the ids without `--names`, with `--dry-run`"
    return Problem("bad-names", f"{named.place}: {reason}", named.place, hint)


def assign_names(
    candidates: Sequence[Candidate], is_taken: Callable[[str], bool]
) -> tuple[tuple[tuple[str, Candidate], ...], tuple[InvalidAccount, ...]]:
    """Return each candidate with a unique name, and the candidates with an exact name that is taken.

    A derived name is the display name of the account, else the first part of its id, with a suffix like `-2` if taken.
    It is the same for the same candidates and profiles.
    """
    bad: list[InvalidAccount] = []
    given: dict[str, str] = {}  # name → origin of its account
    refused: set[int] = set()
    for number, each in enumerate(candidates):
        if not each.is_exact:
            continue
        owner = f"the account of {given[each.name]}" if each.name in given else "a profile"
        if each.name in given or is_taken(each.name):
            bad.append(InvalidAccount(each.listed, _taken(each, owner)))
            refused.add(number)
        given.setdefault(each.name, each.account.origin)
    pairs = []
    for number, each in enumerate(candidates):
        if number not in refused:
            name = each.name if each.is_exact else _free_name(each, lambda name: name in given or is_taken(name))
            given.setdefault(name, each.account.origin)
            pairs.append((name, each))
    return tuple(pairs), tuple(bad)


def _taken(candidate: Candidate, owner: str) -> Problem:
    hint = "choose another name; `hermes-profiles list` shows those in use"
    return Problem(
        "exists", f"{candidate.account.origin}: {owner} already has the name {candidate.name}", candidate.name, hint
    )


def _free_name(candidate: Candidate, is_taken: Callable[[str], bool]) -> str:
    bases = (safe_name(candidate.name), safe_name(candidate.account.id.partition("@")[0]), candidate.account.channel)
    base = next(each for each in bases if each and each not in RESERVED)
    number = 1
    while is_taken(name := base if number == 1 else f"{base}-{number}"):
        number += 1
    return name


def safe_name(text: str) -> str:
    """Return a display name as a profile name, "" if too little of it would be left."""
    plain = unicodedata.normalize("NFKD", text)
    if any(each.isalnum() and not each.isascii() for each in plain):
        return ""  # the id is better than a part of the name
    kept = "".join(each for each in plain if each.isascii()).lower()
    return re.sub(r"[^a-z0-9_]+", "-", kept).strip("-_")[:_LONGEST].rstrip("-_")
