from __future__ import annotations

import json

from hermes_profiles.model.errors import DocumentError, ExitCode, Problem, Result
from hermes_profiles.model.secret import Secret, fingerprint


def test_exit_codes_are_frozen() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0, "FAILED": 1, "USAGE": 2, "NEGATIVE": 3, "MANAGER": 4, "MISSING": 5, "REFUSED": 6, "INTERRUPTED": 130,
    }  # fmt: skip


def test_the_status_follows_from_errors_and_data() -> None:
    problem = Problem("x", "message")
    assert Result(("a",)).status == "success"
    assert Result(("a",), errors=[problem]).status == "error"
    assert Result(("a",), {"done": 1}, errors=[problem]).status == "partial"


def test_an_envelope_is_json() -> None:
    envelope = Result(("trash", "list"), {"trash": []}, warnings=[Problem("w", "m", "t", "h")]).envelope()
    assert json.loads(json.dumps(envelope))["warnings"] == [{"code": "w", "message": "m", "target": "t", "hint": "h"}]


def test_a_document_error_names_file_and_line() -> None:
    assert DocumentError("/a/.env", 3, "quote not closed").problem.message == "/a/.env:3: quote not closed"
    assert DocumentError("/a/.env", None, "is empty").problem.message == "/a/.env: is empty"


def test_secrets_compare_and_hide() -> None:
    assert Secret("CANARY") == Secret("CANARY") != Secret("other") and len(Secret("CANARY")) == 6
    assert Secret("CANARY").reveal() == "CANARY" and "CANARY" not in repr({Secret("CANARY")})


def test_a_fingerprint_tells_equal_values_and_nothing_else() -> None:
    assert fingerprint("CANARY", b"k") == fingerprint("CANARY", b"k") != fingerprint("CANARY", b"other")
    assert len(fingerprint("\udcff", b"k")) == 8
