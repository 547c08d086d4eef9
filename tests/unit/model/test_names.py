from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.hermes.cli import SUBCOMMANDS
from hermes_profiles.hermes.profile_names import RESERVED
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.names import check_alias_name, check_existing_name, check_new_name, is_profile_folder_name

ALLOWED = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@given(st.text(max_size=70) | st.from_regex(r"[A-Za-z0-9_ \t-]{0,66}", fullmatch=True))
def test_a_name_that_passes_is_one_plain_folder_name(text: str) -> None:
    try:
        name = check_new_name(text)
    except UsageProblem:
        return
    assert ALLOWED.fullmatch(name) and name not in RESERVED and is_profile_folder_name(name)
    assert name == text.strip(" \t").lower() and text.isascii()
    assert check_new_name(name) == name == check_existing_name(name), "normalising twice changes nothing"


@pytest.mark.parametrize(
    ("given", "similar"),
    [
        ("My Bot", "my-bot"),
        ("w\u00f6rk", "work"),
        ("_x/y.", "x-y"),
        ("\u5c0f\u53f7", ""),
        ("D\u00e9fault", ""),
        ("9:AACANARY" * 3, ""),
    ],
)
def test_a_malformed_new_name_gets_a_similar_one(given: str, similar: str) -> None:
    with pytest.raises(UsageProblem, match="is not a profile name") as raised:
        check_new_name(given)
    problem = raised.value.problem
    assert problem.code == "bad-name" and (f"`{similar}`" if similar else "hermes-profiles list") in problem.hint
    assert check_new_name(similar or "work")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("/home/ada/.hermes/profiles/work", "`work`"),
        ("profiles/work/", "`work`"),
        ("/home/ada/.hermes", "hermes-profiles list"),
        ("/work", "hermes-profiles list"),
        ("my agent", "hermes-profiles list"),
    ],
)
def test_path_of_a_profile_leads_to_its_name(given: str, hint: str) -> None:
    with pytest.raises(UsageProblem) as raised:
        check_existing_name(given)
    assert hint in raised.value.problem.hint


def test_look_alikes_that_lower_case_to_a_letter_are_refused() -> None:
    with pytest.raises(UsageProblem):
        check_existing_name("wor\u212a")  # the Kelvin sign


def test_default_exists_and_is_never_made() -> None:
    assert check_existing_name("DEFAULT") == "default"
    with pytest.raises(UsageProblem, match="reserved"):
        check_new_name("default")
    assert not is_profile_folder_name("default")


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_a_subcommand_of_hermes_is_a_profile_but_no_alias(name: str) -> None:
    assert check_new_name(name) == name
    with pytest.raises(UsageProblem, match="subcommand"):
        check_alias_name(name)
