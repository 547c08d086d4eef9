"""The edits of a document are data, and `rewrite` only applies them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from hermes_profiles.credentials import rewrite
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.classifier import SourceDocuments, classify
from hermes_profiles.credentials.edits import EnvEdits, TreeEdits, env_edits, tree_edits
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rewrite import rewrite_env, rewrite_tree
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument

CATALOG = load_catalog()
TOKEN = "7100:CANARY-telegram-token"
ENV = f"""\
TELEGRAM_BOT_TOKEN={TOKEN}
# the token was {TOKEN}
NOTE={TOKEN}
DISCORD_BOT_TOKEN=
API_SERVER_ENABLED=true
API_SERVER_PORT=8642
OPENAI_API_KEY=sk-CANARY-1
"""
CONFIG = f"""\
platforms:
  telegram:
    enabled: true
    token: {TOKEN}
  slack:
    extra: {{}}
note: send it to https://example.invalid/{TOKEN}  # {TOKEN}
"""


def edits_of_env(policy: ClonePolicy | None = None, **more: object) -> tuple[EnvDocument, EnvEdits, ValueIndex]:
    document = EnvDocument.parse(ENV.encode(), path=".env", known_keys=CATALOG.known_names)
    judged = classify(SourceDocuments(env=document), catalog=CATALOG, policy=policy or ClonePolicy())
    return document, env_edits(document, judged.env[".env"], judged.values, **more), judged.values  # type: ignore[arg-type]


def edits_of_config(policy: ClonePolicy | None = None) -> tuple[YamlDocument, TreeEdits, ValueIndex]:
    document = YamlDocument.parse(CONFIG.encode(), path="config.yaml")
    judged = classify(SourceDocuments(config=document), catalog=CATALOG, policy=policy or ClonePolicy())
    return document, tree_edits(document, judged.config, judged.values), judged.values


def test_env_edits_name_what_is_removed_replaced_appended_and_redacted() -> None:
    document, edits, values = edits_of_env(assigned={"API_SERVER_PORT": "18700"}, masked=("SLACK_BOT_TOKEN",))
    assert [entry.name for entry in edits.remove] == ["TELEGRAM_BOT_TOKEN", "NOTE"]
    assert {entry.name: value for entry, value in edits.replace.items()} == {"API_SERVER_PORT": "18700"}
    assert edits.append == (("SLACK_BOT_TOKEN", ""),)
    assert [document.text[edit.start : edit.end] for edit in edits.redact] == [TOKEN]
    assert tuple(row.name for row in edits.rows.kept) == ("DISCORD_BOT_TOKEN", "API_SERVER_ENABLED", "OPENAI_API_KEY")
    assert [(row.name, row.line) for row in edits.rows.removed] == [("TELEGRAM_BOT_TOKEN", 1), ("NOTE", 3)]
    content = rewrite_env(document, edits, values).decode()
    assert content == (
        "# the token was <removed: TELEGRAM_BOT_TOKEN>\nDISCORD_BOT_TOKEN=\nAPI_SERVER_ENABLED=true\n"
        "API_SERVER_PORT=18700\nOPENAI_API_KEY=sk-CANARY-1\nSLACK_BOT_TOKEN=\n"
    )


def test_env_edits_remove_an_assigned_name_that_gets_no_value() -> None:
    _, edits, _ = edits_of_env()
    assert "API_SERVER_PORT" in [entry.name for entry in edits.remove] and not edits.replace


def test_env_edits_leave_alone_what_the_user_keeps() -> None:
    document, edits, values = edits_of_env(
        ClonePolicy(keep=frozenset({"TELEGRAM_BOT_TOKEN"})), assigned={"API_SERVER_PORT": "18700"}
    )
    assert not edits.remove and not edits.redact
    assert TOKEN in rewrite_env(document, edits, values).decode()


def test_tree_edits_name_what_is_removed_replaced_inserted_and_redacted() -> None:
    document, edits, values = edits_of_config()
    assert [entry.path for entry in edits.remove] == [("platforms", "telegram", "token")]
    assert {entry.path: text for entry, text in edits.replace.items()} == {
        ("platforms", "telegram", "enabled"): "false",
        ("note",): "send it to https://example.invalid/<removed: platforms.telegram.token>",
    }
    assert edits.insert == ((("platforms", "slack", "enabled"), "false"),)
    assert [document.text[edit.start : edit.end] for edit in edits.redact] == [TOKEN]
    assert edits.rows.disabled == ("telegram", "slack")
    assert [place.name for place in edits.rows.redacted] == ["platforms.telegram.token"] * 2
    after = YamlDocument.parse(rewrite_tree(document, edits, values)).data()
    assert after == {
        "platforms": {"telegram": {"enabled": False}, "slack": {"extra": {}, "enabled": False}},
        "note": "send it to https://example.invalid/<removed: platforms.telegram.token>",
    }


def test_tree_edits_leave_alone_what_the_user_keeps() -> None:
    _, edits, _ = edits_of_config(ClonePolicy(keep=frozenset({"platforms.telegram"})))
    assert not edits.remove and not edits.redact
    assert [entry.path for entry in edits.replace] == []


def test_tree_edits_of_json_have_no_comments_to_redact() -> None:
    document = JsonDocument.parse(
        b'{"platforms": {"telegram": {"token": "7100:CANARY-telegram-token"}}}', path="g.json"
    )
    judged = classify(SourceDocuments(gateway=document), catalog=CATALOG, policy=ClonePolicy())
    edits = tree_edits(document, judged.gateway, judged.values)
    assert edits.redact == () and rewrite_tree(document, edits, judged.values) == (
        b'{"platforms": {"telegram": {"enabled": false}}}'
    )


@pytest.mark.parametrize("edits", [edits_of_env()[1], edits_of_config()[1]], ids=["env", "tree"])
def test_edits_do_not_show_values(edits: object) -> None:
    assert "CANARY" not in repr(edits) + str(edits)


def test_rewrite_makes_no_decision_of_its_own() -> None:
    """It knows neither the rules nor the policy nor the classifier."""
    tree = ast.parse(Path(rewrite.__file__).read_text(encoding="utf-8"))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in modules if "rules" in name or name in ("policy", "classifier")]
