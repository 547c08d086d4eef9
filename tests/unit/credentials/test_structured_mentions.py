"""Credentials of channels in files with a structure: their path says what they are."""

from __future__ import annotations

import json

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.mentions.structured_mentions import structured_mentions

CATALOG = load_catalog()
VALUE = "CANARYa1b2C3d4e5F6g7"
BLOCK = f"platforms:\n  mattermost:\n    enabled: true\n    token: {VALUE}\n    extra: {{url: https://x.example}}\n"
FILES = {
    "config.yaml": BLOCK,
    "old.yml": BLOCK,
    "config.yaml.bak": BLOCK,
    "values.yaml": "hermes:\n  config:\n" + "".join(f"    {line}\n" for line in BLOCK.splitlines()),
    "gateway.json": json.dumps({"platforms": {"mattermost": {"token": VALUE}}}),
    "list.json": json.dumps({"apps": [{"MATTERMOST_TOKEN": [VALUE]}]}),
    "escaped.json": '{"MATTERMOST\\u005fTOKEN":\n"' + VALUE + '"}',
    "anchor.yaml": f"MATTERMOST_TOKEN: &token {VALUE}\n",
    "tag.yaml": f"MATTERMOST_TOKEN: !!str {VALUE}\n",
    "folded.yaml": f"MATTERMOST_TOKEN: >-\n  {VALUE}\n",
    "literal.yaml": f"MATTERMOST_TOKEN: |\n  {VALUE}\n",
    "key.yaml": f"? mattermostToken\n: {VALUE}\n",
    "a.toml": f'[mattermost]\nname = "x"\ntoken = "{VALUE}"\n',
    "b.toml": f'mattermost.token = "{VALUE}"\n',
    "c.ini": f"; x\n[platforms.mattermost]\ntoken = {VALUE} ; note\n",
    "d.properties": f"mattermost.token: {VALUE}\n",
}

# The same block where no parser is sure about it, and blocks that say the channel in another way.
OTHER_PLACES = {
    "a.py": BLOCK,
    "notes.md": f"# Setup\n\n```yaml\n{BLOCK}```\n",
    "json.md": f'```json\n{{"mattermost": {{"url": "x", "extra": {{"token": "{VALUE}"}}}}}}\n```\n',
    "comments.yaml": "a: 1\n" + "".join(f"# {line}\n" for line in BLOCK.splitlines()),
    "template.yaml": "{% if x %}\n" + BLOCK + "{% endif %}\n",
    "rows.jsonl": f'{{"mattermost": {{"token": "{VALUE}"}}}}\n{{"a": 1}}\n',
    "inline.toml": f'mattermost = {{ url = "https://x", token = "{VALUE}" }}\n',
    "path.txt": f"platforms.mattermost.token: {VALUE}\n",
    "section.md": f"```ini\n[mattermost]\nurl = x\ntoken = {VALUE}\n```\n",
    "helm.sh": f"helm install hermes --set mattermost.token={VALUE}\n",
    "A.java": f'System.setProperty("mattermost.token", "{VALUE}");\n',
    "beans.xml": f'<property name="mattermost.token">{VALUE}</property>\n',
    "set.sh": f"hermes config set platforms.mattermost.token '{VALUE}'\n",
    "dotted.json": json.dumps({"platforms.mattermost.token": VALUE}),
    "accounts.json": json.dumps({"mattermost": {"accounts": {"work": {"token": VALUE}}}}),
    "value.json": json.dumps({"env": {"MATTERMOST_TOKEN": {"value": VALUE}}}),
    "type.yaml": f"channels:\n  - type: mattermost\n    token: {VALUE}\n",
    "type.json": json.dumps({"channels": [{"platform": "mattermost", "token": VALUE}]}),
    "n8n.json": json.dumps([{"name": "Work", "type": "mattermostApi", "data": {"accessToken": VALUE, "baseUrl": "x"}}]),
    "bot.yaml": f"mattermost_bot:\n  token: {VALUE}\n",
    "compose.yml": f"services:\n  mattermost-bot:\n    environment:\n      BOT_TOKEN: {VALUE}\n",
    "main.tf": f'resource "mattermost_bot" "x" {{\n  token = "{VALUE}"\n}}\n',
    "client.js": f'const client = new MattermostClient({{ token: "{VALUE}" }})\n',
    "client.py": f'bot = MattermostDriver(url="x", token="{VALUE}")\n',
    "one.xml": f"<mattermost>\n  <url>x</url>\n  <token>{VALUE}</token>\n</mattermost>\n",
    "attribute.xml": f'<mattermost url="x" token="{VALUE}"/>\n',
    "type.toml": f'[[channels]]\ntype = "mattermost"\ntoken = "{VALUE}"\n',
}
FILES |= OTHER_PLACES


@pytest.mark.parametrize("name", FILES)
def test_credential_is_found_by_its_path(name: str) -> None:
    found = list(structured_mentions(f"skills/a/{name}", FILES[name].encode(), CATALOG))
    assert {mention.value for mention in found} == {VALUE} and {mention.channel for mention in found} == {"mattermost"}
    assert VALUE not in repr(found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "mattermost:\n  token: ${MATTERMOST_TOKEN}\n"),
        ("a.yaml", "mattermost:\n  token: the token of bot number 1\n"),
        ("a.yaml", "mattermost: {require_mention: 'a1b2c3d4e5f6'}\nmodel: {token: a1b2c3d4e5f6a7}\n"),
        ("a.json", '{"openai": {"token": "a1b2c3d4e5f6a7"}, "mattermost": {"token": {"type": "string1x2y"}}}'),
        ("a.yaml", "broken: [\nmattermost:\n  token: a1b2c3d4e5f6a7\n"),
        ("a.py", "mattermost:\n    token: str2\n"),
        ("a.md", "## mattermost:\n  token: see page 12a of the manual\nother:\n  token: a1b2C3d4e5F6g7h8\n"),
        ("a.py", "mattermost.token = config.mattermost.token2\nmattermost.Token('v2')\n"),
        ("a.md", "see mattermost.token, sha a1b2c3d4e5f6a7b8c9d0\n"),
        ("a.sh", "--set openai.token=a1b2C3d4e5F6g7h8 --set mattermost.tokenSecret=hermes-mattermost\n"),
        ("a.md", "[mattermost]\nurl = x\n[openai]\ntoken = a1b2C3d4e5F6g7h8\n"),
        ("a.toml", "[openai]\ntoken = 'a1b2c3d4e5f6a7'\n"),
        ("a.yaml", "email_client:\n  api_key: a1b2C3d4e5F6g7h8i9\n"),
        ("a.yaml", "matrix_size:\n  key: a1b2C3d4e5F6g7h8i9\n"),
        ("a.js", "new OpenAI({ apiKey: 'a1b2C3d4e5F6g7h8i9' })\nnew MattermostClient({ url: 'x' })\n"),
        ("a.xml", "<mattermost><url>x</url></mattermost><openai><token>a1b2C3d4e5F6g7h8i9</token></openai>"),
        (
            "a.json",
            '[{"type": "mattermostApi", "data": {}}, {"type": "openAiApi", "data": {"apiKey": "a1b2C3d4e5F6g7h8i"}}]',
        ),
    ],
)
def test_other_settings_are_no_credentials(name: str, text: str) -> None:
    assert not list(structured_mentions(name, text.encode(), CATALOG))
