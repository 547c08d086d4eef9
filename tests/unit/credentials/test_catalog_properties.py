"""Properties of lookup: it depends on the name only, and the longest prefix decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass, extend, load_catalog, parse_user_catalog
from hermes_profiles.credentials.catalog.globs import matches

CATALOG = load_catalog()
BACKWARDS = Catalog(CATALOG.tables._replace(channels=dict(reversed(CATALOG.channels.items()))))
PREFIXES = sorted({prefix for channel in CATALOG.channels.values() for prefix in channel.prefixes})
NAMES = sorted(CATALOG.known_names)
tails = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", min_size=1, max_size=20)
names = st.one_of(
    st.sampled_from(NAMES),
    st.builds(str.__add__, st.sampled_from(PREFIXES), tails),
    st.builds(str.__add__, st.sampled_from(NAMES), tails),
    tails,
    st.text(max_size=30),
)


@given(names)
def test_the_order_of_the_data_does_not_change_class_or_prefix(name: str):
    one, other = CATALOG.lookup(name), BACKWARDS.lookup(name)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.key_class, one.known) == (other.key_class, other.known)
        assert set(CATALOG.channels_of(name)) == set(BACKWARDS.channels_of(name))


@given(names)
def test_a_name_that_only_a_prefix_claims_belongs_to_the_longest(name: str):
    fact = CATALOG.lookup(name)
    claims = [prefix for prefix in PREFIXES if name.startswith(prefix) and len(name) > len(prefix)]
    if fact is None:
        assert claims == []
    elif not fact.known:
        assert fact.key_class is KeyClass.UNKNOWN
        assert fact.channel is not None
        assert max(claims, key=len) in CATALOG.channels[fact.channel].prefixes


@given(names)
def test_a_row_is_found_exactly_when_the_name_is_known(name: str):
    fact = CATALOG.lookup(name)
    if name in CATALOG.known_names:
        assert fact is not None and fact.known and fact.name == name
    if fact is not None:
        assert fact.name == name
        assert fact.channel is None or fact.channel == CATALOG.channels_of(name)[0]


def test_every_known_name_looks_up():
    for name in CATALOG.known_names:
        fact = CATALOG.lookup(name)
        assert fact is not None and fact.known


@given(st.sampled_from(NAMES), st.sampled_from([c.value for c in KeyClass if c is not KeyClass.UNKNOWN]))
def test_the_user_s_class_of_any_key_holds(name: str, word: str):
    additions = parse_user_catalog(f'[keys]\n{name} = "{word}"\n', path="c.toml")
    catalog = extend(CATALOG, additions=additions)
    fact, before = catalog.lookup(name), CATALOG.lookup(name)
    assert fact is not None and before is not None
    assert fact.key_class == word
    assert fact.channel == before.channel


@given(
    st.sampled_from(sorted(CATALOG.channels)),
    st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=4),
)
def test_what_lies_below_a_config_path_has_its_class(channel: str, below: list[str]):
    for path, key_class in CATALOG.channels[channel].config:
        assert CATALOG.config_class(channel, (*path.split("."), *below)) is key_class


@given(st.text(max_size=20).filter(lambda text: "/" not in text and "\\" not in text))
def test_a_star_never_crosses_a_folder(text: str):
    assert matches("a_*", f"a_{text}x")
    assert not matches("a_*", f"b/a_{text}x")
    assert matches("a_*.json", f"a_{text}/b.json") is text.endswith(".json"), "only where the folder itself fits"
    assert matches("a/", f"a/{text}/y")
    assert not matches("a/", f"ab{text}x/y")
