"""Scripts in the alias folder that can be changed, and scripts that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.alias import alias_script, aliases_of, foreign_scripts, renamed_script
from hermes_profiles.profiles.listing import aliases


@pytest.fixture
def layout(isolated: Path) -> Layout:
    layout = Layout(isolated / ".hermes", isolated)
    layout.alias_folder.mkdir(parents=True)
    return layout


@pytest.mark.parametrize("hermes", [None, "/opt/hermes", "/opt/my tools/hermes", "/it's/hermes", '/a"b/$x/hermes'])
def test_own_script_is_recognised_and_renamed_for_any_hermes(layout: Layout, hermes: str | None) -> None:
    path = layout.alias_folder / "work"
    path.write_bytes(alias_script("work", hermes))
    assert aliases_of(layout, "work") == (path,) and foreign_scripts(layout, "work") == ()
    assert aliases_of(layout, "wor") == () and renamed_script(path, "night") == alias_script("night", hermes)


@pytest.mark.parametrize("text", [
    '#!/bin/sh\nexec hermes -p work "$@"\necho more\n', '#!/bin/bash\nexec hermes -p work "$@"\n', "hermes -p work\n",
    '#!/bin/sh\ncd /x; exec hermes -p work "$@"\n', '#!/bin/sh\nexec sudo hermes -p work "$@"\n',
    '#!/bin/sh\nexec hermes -p work chat "$@"\n', '#!/bin/sh\n# mine\nexec hermes -p work "$@"\n',
])  # fmt: skip
def test_a_script_that_does_more_is_foreign(layout: Layout, text: str) -> None:
    (layout.alias_folder / "mine").write_text(text)
    assert aliases_of(layout, "work") == () and [path.name for path in foreign_scripts(layout, "work")] == ["mine"]
    assert aliases(layout) == {"work": "mine"}, "it is listed, for Hermes lists it"


@given(st.sampled_from(["erp", "erp-dev", "erp-devops", "erp_", "er"]), st.sampled_from(["erp", "erp-dev", "er"]))
def test_profiles_match_exactly(tmp_path_factory: pytest.TempPathFactory, written: str, asked: str) -> None:
    folder = tmp_path_factory.mktemp("user")
    layout = Layout(folder / ".hermes", folder)
    layout.alias_folder.mkdir(parents=True)
    (layout.alias_folder / "x").write_bytes(alias_script(written, None))
    assert bool(aliases_of(layout, asked)) == (written == asked)
