"""The variables of a broken `.env`."""

from __future__ import annotations

import pytest

from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.model.errors import Problem
from hermes_profiles.profiles.home_files import environment_in


def test_plain_lines_of_a_broken_file_are_not_parsed_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parse = EnvDocument.parse
    monkeypatch.setattr(EnvDocument, "parse", lambda raw, **given: parsed.append(raw) or parse(raw, **given))
    problems: list[Problem] = []
    lines = "".join(f"A{number}=x\n" for number in range(100))
    found = environment_in(f"B='\n{lines}C=a b # c\n".encode(), ".env", (), problems)
    assert found == {**{f"A{number}": "x" for number in range(100)}, "C": "a b"}
    assert len(problems) == 1 and len(parsed) <= 4
