"""Credentials below the name of their column, and in statements of SQL."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.mentions.table_mentions import table_mentions

CATALOG = load_catalog()
VALUE = "CANARYa1b2C3d4e5F6g7"
MODEL = "MODELq1w2E3r4t5Y6u7i8"
NAME = "MATTERMOST_TOKEN"


@pytest.mark.parametrize("text", [
    f"id,mattermost_url,mattermost_token\n1,https://x,{VALUE}\n", f"id;{NAME};note\r\n1;{VALUE};x\r\n",
    f'"id","{NAME}"\n"1","{VALUE}"\n', f"id\t{NAME}\n1\tnone\n2\t{VALUE}\n",
    f"| bot | {NAME} |\n|---|---|\n| a | `{VALUE}` |\n", f"id,{NAME},OPENAI_API_KEY\n1,{VALUE},{MODEL}\n",
    f"INSERT INTO settings (id, name, value) VALUES (1, '{NAME}', '{VALUE}'), (2, 'OPENAI_API_KEY', '{MODEL}');",
    f"INSERT INTO settings VALUES (1, '{NAME}', 'text', 1, '{VALUE}', NULL);",
    f"insert into bots (url, mattermost_token, llm_key) values ('https://x', '{VALUE}', '{MODEL}');",
    f"INSERT INTO `channels` (`platform`, `token`) VALUES ('openai', '{MODEL}'), ('mattermost', '{VALUE}');",
    f"UPDATE settings SET value = '{VALUE}', updated = 1 WHERE name = '{NAME}';\nUPDATE a SET value = '{MODEL}';",
    f"update channels set token='{VALUE}' where platform='mattermost'", f"UPDATE c SET mattermost_token = '{VALUE}';",
    f"COPY settings (id, name, value) FROM stdin;\n1\tOPENAI_API_KEY\t{MODEL}\n2\t{NAME}\t{VALUE}\n\\.\n",
    f"COPY bots (id, mattermost_token) FROM stdin;\n1\t{VALUE}\n\\.\n{MODEL}\t{MODEL}\n",
    f"INSERT INTO s VALUES ('a;b', 'it''s'), ('{NAME}', '{VALUE}');\nINSERT INTO s VALUES ('{MODEL}');",
])  # fmt: skip
def test_credential_in_a_table_is_found(text: str) -> None:
    found = list(table_mentions("skills/a/x.sql", text, CATALOG))
    assert {one.value for one in found} == {VALUE} and {one.channel for one in found} == {"mattermost"}
    assert VALUE not in repr(found)


@pytest.mark.parametrize("text", [
    f"id,token\n1,{MODEL}\n", f"id,{NAME}\n1,\n2,your_token\n", f"a, b, {NAME}\n\n{MODEL},{MODEL},{MODEL}\n",
    f"Set url, name and {NAME},\nthen x\n", f"UPDATE x SET token = '{MODEL}' WHERE name = 'openai';",
    f"INSERT INTO providers (name, api_key) VALUES ('email', '{MODEL}');", f"update the {NAME} and set '{MODEL}'",
    f"INSERT INTO s VALUES ('{NAME}'); INSERT INTO s VALUES ('{MODEL}');",
])  # fmt: skip
def test_other_cells_are_no_credentials(text: str) -> None:
    assert not list(table_mentions("skills/a/x.sql", text, CATALOG))


def test_long_text_is_read_in_linear_work() -> None:
    text = f"{NAME}, x\n" * 3000 + "INSERT INTO s VALUES ('" + "a" * 300_000
    assert not list(table_mentions("x.sql", text, CATALOG))
