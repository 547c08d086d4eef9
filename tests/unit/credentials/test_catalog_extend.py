"""Channels from plugins and the user's catalog.toml: their additions, and errors for invalid ones."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import (
    Catalog,
    KeyClass,
    Sharing,
    extend,
    load_catalog,
    parse_plugin_channel,
    parse_user_catalog,
)
from hermes_profiles.model.errors import DocumentError

CATALOG = load_catalog()
PLUGIN = """
name: acme-platform
kind: Platform
requires_env:
  - ACME_URL
  - name: ACME_TOKEN
    password: true
  - name: OPENROUTER_API_KEY
    password: true
optional_env:
  - {name: ACME_SIGNING, password: true}
  - {name: ACME_WEBHOOK_SECRET}
  - {name: ACME_ALLOWED_USERS, password: false}
  - {name: ACME_HOME_CHANNEL}
  - {name: ACME_ALLOW_ALL_USERS}
  - {name: ACME_PORT}
  - {name: ACME_BIND_HOST}
  - {name: ACME_COLOUR}
  - {description: nameless}
  - 7
"""
HOME_PLUGIN = "/h/plugins/acme/plugin.yaml"


def test_unknown_plugin_channel_is_left_behind():
    channel = parse_plugin_channel(PLUGIN, path=HOME_PLUGIN)
    assert channel is not None
    assert (channel.name, channel.sharing, channel.origin) == ("acme", Sharing.exclusive, "plugin")
    assert channel.enable_sets == (frozenset({"ACME_URL", "ACME_TOKEN", "OPENROUTER_API_KEY"}),)
    catalog = extend(CATALOG, channels=[channel])
    classes = {fact.name: fact.key_class for fact in catalog.channels["acme"].keys}
    assert classes == {
        "ACME_URL": KeyClass.IDENTITY_CREDENTIAL,
        "ACME_TOKEN": KeyClass.IDENTITY_CREDENTIAL,
        "ACME_SIGNING": KeyClass.IDENTITY_COMPANION,
        "ACME_WEBHOOK_SECRET": KeyClass.IDENTITY_COMPANION,
        "ACME_ALLOWED_USERS": KeyClass.IDENTITY_SETTING,
        "ACME_HOME_CHANNEL": KeyClass.IDENTITY_SETTING,
        "ACME_ALLOW_ALL_USERS": KeyClass.IDENTITY_SETTING,
        "ACME_PORT": KeyClass.PORT_BIND,
        "ACME_BIND_HOST": KeyClass.PORT_BIND,
        "ACME_COLOUR": KeyClass.IDENTITY_SETTING,
    }
    assert CATALOG.lookup("ACME_SOMETHING") is None
    unknown = catalog.lookup("ACME_SOMETHING")
    assert unknown is not None
    assert (unknown.channel, unknown.key_class, unknown.known) == ("acme", KeyClass.UNKNOWN, False)
    assert catalog.channels_of("ACME_TOKEN") == ("acme",)
    assert catalog.channel_of_config_key("ACME") == "acme"
    assert catalog.config_class("acme", ("token",)) is KeyClass.IDENTITY_CREDENTIAL
    assert catalog.state_owner("platforms/acme/session") == "acme"
    assert "ACME_TOKEN" in catalog.known_names


def test_a_plugin_cannot_make_a_shareable_key_an_identity():
    channel = parse_plugin_channel(PLUGIN, path=HOME_PLUGIN)
    assert channel is not None
    catalog = extend(CATALOG, channels=[channel])
    assert catalog.lookup("OPENROUTER_API_KEY") == CATALOG.lookup("OPENROUTER_API_KEY")
    everything = {"ACME_URL": "https://acme", "ACME_TOKEN": "canary", "OPENROUTER_API_KEY": "sk-canary"}
    assert catalog.enabled_by(everything) == {"acme"}


def test_catalogue_wins_over_a_plugin_and_adds_missing_rows():
    text = "name: irc-platform\nkind: platform\nrequires_env: [IRC_USE_TLS, IRC_SASL_KEY]\n"
    channel = parse_plugin_channel(text, path="plugin.yaml")
    assert channel is not None
    catalog = extend(CATALOG, channels=[channel])
    assert catalog.lookup("IRC_USE_TLS") == CATALOG.lookup("IRC_USE_TLS")
    learnt = catalog.lookup("IRC_SASL_KEY")
    assert learnt is not None and learnt.known
    assert (learnt.channel, learnt.key_class) == ("irc", KeyClass.IDENTITY_CREDENTIAL)
    assert catalog.channels["irc"].enable_sets == CATALOG.channels["irc"].enable_sets


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name: x\n",
        "name: x\nkind: standalone\n",
        "kind: [platform]\n",
        "kind: backend\nname: a-platform\n",
    ],
)
def test_plugin_without_a_channel_returns_none(text: str):
    assert parse_plugin_channel(text, path=HOME_PLUGIN) is None


@pytest.mark.parametrize(
    ("name", "path", "channel"),
    [
        ("name: my-irc-platform\n", "x/plugin.yaml", "my-irc"),
        ("name: Fancy Chat\n", "h/plugins/fancy/plugin.yaml", "fancy"),
        ("", "h/plugins/Fancy/plugin.yml", "fancy"),
    ],
)
def test_the_name_of_a_plugin_channel_is_the_one_hermes_derives(name: str, path: str, channel: str):
    found = parse_plugin_channel(name + "kind: platform\n", path=path)
    assert found is not None and found.name == channel
    assert found.enable_sets == ()
    assert channel not in extend(CATALOG, channels=[found]).enabled_by({})


def test_a_plugin_named_after_hermes_claims_no_variable_of_hermes():
    channel = parse_plugin_channel("name: hermes-platform\nkind: platform\n", path="plugin.yaml")
    assert channel is not None
    assert extend(CATALOG, channels=[channel]).lookup("HERMES_INFERENCE_PROVIDER") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\nkind: [platform\n", 3),
        ("a: b: c\n", 1),
        ("- a\n", 1),
        ("just text", 1),
        ("kind: platform\nx: !!timestamp nope\n", None),
    ],
)
def test_a_broken_plugin_yaml_is_refused_with_its_line(text: str, line: int | None):
    with pytest.raises(DocumentError) as caught:
        parse_plugin_channel(text, path="p/plugin.yaml")
    assert caught.value.path == "p/plugin.yaml"
    if line is not None:
        assert caught.value.line == line


USER = """\
# my own
[channels.acme]
prefixes = ["ACME_", "XACME_"]
sharing = "conditional"
enable = [["ACME_TOKEN", "ACME_URL"], ["ACME_ALL"]]
state = ["acme/", "acme_*.json"]

[channels.acme.keys]
ACME_TOKEN = "identity_credential"
ACME_COLOUR = "option"

[channels.slack.keys]
SLACK_TEAM_ID = "option"
SLACK_REACTIONS = "identity_setting"

[channels.newcomer]

[keys]
MY_CRM_KEY = "tool_or_provider_key"
TELEGRAM_PROXY = "identity_companion"
LINE_COUNT = "option"
"""


def test_the_user_s_catalogue_adds_channels_and_keys():
    catalog = extend(CATALOG, additions=parse_user_catalog(USER, path="c.toml"))
    acme = catalog.channels["acme"]
    assert acme.sharing is Sharing.conditional
    assert acme.origin == "user"
    assert acme.enable_sets == (frozenset({"ACME_TOKEN", "ACME_URL"}), frozenset({"ACME_ALL"}))
    token, colour = catalog.lookup("ACME_TOKEN"), catalog.lookup("ACME_COLOUR")
    assert token is not None and token.auto_enables and token.secret and token.origin == "user"
    assert colour is not None and colour.key_class is KeyClass.OPTION
    assert catalog.channels_of("XACME_THING") == ("acme",)
    assert catalog.state_owner("acme/x") == catalog.state_owner("acme_tokens.json") == "acme"
    assert catalog.channels_of("NEWCOMER_TOKEN") == ("newcomer",)


def test_the_user_s_classes_win_over_the_catalogue():
    catalog = extend(CATALOG, additions=parse_user_catalog(USER, path="c.toml"))
    team, reactions = catalog.lookup("SLACK_TEAM_ID"), catalog.lookup("SLACK_REACTIONS")
    assert team is not None and (team.channel, team.key_class) == ("slack", KeyClass.OPTION)
    assert reactions is not None and reactions.key_class is KeyClass.IDENTITY_SETTING
    assert catalog.channels["slack"].sharing is CATALOG.channels["slack"].sharing
    assert catalog.channels["slack"].enable_sets == CATALOG.channels["slack"].enable_sets
    crm, proxy = catalog.lookup("MY_CRM_KEY"), catalog.lookup("TELEGRAM_PROXY")
    assert crm is not None and (crm.channel, crm.key_class) == (None, KeyClass.TOOL_OR_PROVIDER_KEY)
    assert proxy is not None and (proxy.channel, proxy.key_class) == ("telegram", KeyClass.IDENTITY_COMPANION)
    assert catalog.channels_of("LINE_COUNT") == ()


def test_extending_leaves_the_catalogue_itself_alone():
    before = (CATALOG.known_names, dict(CATALOG.channels))
    extend(CATALOG, additions=parse_user_catalog(USER, path="c.toml"))
    assert (CATALOG.known_names, dict(CATALOG.channels)) == before
    assert CATALOG.lookup("MY_CRM_KEY") is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "\ufeff[keys]\nA_B = 'option'\n", "[keys]\r\nA_B = 'option'\r\n"])
def test_small_files_and_other_editors_are_fine(text: str):
    parse_user_catalog(text, path="c.toml")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[keys]\nA = \n", 2, "not TOML"),
        ("[keys]\nA = 'x'\nA = 'y'\n", 3, "not TOML"),
        ("[keys]\nA_KEY = 'secret'\n", 2, "'secret' is not a class"),
        ("[keys]\nB = 'option'\nA_KEY = 'unknown'\n", 3, "'unknown' is not a class"),
        ("[keys]\nA_KEY = ['option']\n", 2, "is not a class"),
        ("[keys]\n'A KEY' = 'option'\n", 2, "is not the name of a variable"),
        ("\n[channel.x]\n", 2, "'channel' means nothing here"),
        ("keys = 1\n", 1, "`keys` is not a table"),
        ("[channels]\nx = 3\n", 2, "`channels.x` is not a table"),
        ("[channels.x]\nprefix = ['A_']\n", 2, "'prefix' means nothing here"),
        ("[channels.x]\nprefixes = 'A_'\n", 2, "is not a list of texts"),
        ("[channels.x]\nprefixes = ['']\n", 2, "is not a prefix"),
        ("[channels.x]\nprefixes = ['ACME']\n", 2, "is not a prefix"),
        ("[channels.x]\nsharing = 'mine'\n", 2, "is not a kind of sharing"),
        ("[channels.x]\nsharing = ['exclusive']\n", 2, "is not a kind of sharing"),
        ("[channels.x]\nenable = ['A']\n", 2, "is not a list of texts"),
        ("[channels.x]\nenable = 'A'\n", 2, "is not a list of lists"),
        ("[channels.x]\nenable = [[]]\n", 2, "holds something that is not a variable"),
        ("[channels.x]\nstate = ['../other']\n", 2, "is not a path inside a home"),
        ("[channels.x]\nstate = ['/etc/x']\n", 2, "is not a path inside a home"),
        ("[channels.x]\nstate = ['*']\n", 2, "is not a path inside a home"),
        ("[channels.x]\n[channels.x.keys]\nX_A = 'optional'\n", 3, "'optional' is not a class"),
        ("[channels.'X Y']\nprefixes = ['A_']\n", 1, "is not the name of a channel"),
    ],
)
def test_a_bad_user_catalogue_is_refused_with_file_and_line(text: str, line: int, words: str):
    with pytest.raises(DocumentError) as caught:
        parse_user_catalog(text, path="/cfg/catalog.toml")
    assert caught.value.line == line
    assert words in caught.value.reason
    assert str(caught.value).startswith(f"/cfg/catalog.toml:{line}: ")


def test_unknown_class_error_lists_the_classes():
    with pytest.raises(DocumentError) as caught:
        parse_user_catalog("[keys]\nA = 'password'\n", path="c.toml")
    hint = caught.value.problem.hint or ""
    for word in ("identity_credential", "identity_companion", "identity_setting", "port_bind", "option"):
        assert word in hint
    assert "unknown" not in hint


def test_an_empty_set_switches_nothing_on():
    irc = CATALOG.channels["irc"]._replace(enable_sets=(frozenset(),))
    assert Catalog(CATALOG.tables._replace(channels={"irc": irc})).enabled_by({"IRC_SERVER": "a"}) == frozenset()


@pytest.mark.parametrize("text", ['[keys]\nA_TOKEN = "123:canary-XY"\n', '[channels.x]\nsharing = "sk-canary-XY1"\n'])
def test_a_secret_in_the_wrong_place_is_not_repeated(text: str):
    with pytest.raises(DocumentError) as caught:
        parse_user_catalog(text, path="c.toml")
    assert "canary" not in str(caught.value)
    assert caught.value.line == 2
