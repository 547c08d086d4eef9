"""Values beside the name of a channel's credential, in the ways of all languages and files."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.mentions.variable_mentions import code_filter, mentions_in_code, mentions_in_comment

CATALOG = load_catalog()
MAY_MENTION = code_filter(CATALOG)
VALUE = "CANARYa1b2C3d4e5F6g7"
NAME = "MATTERMOST_TOKEN"


@pytest.mark.parametrize("line", [
    "export NAME=VALUE", "export A=1 NAME=VALUE B=2", "export NAME=VALUE;export X=1", "NAME=VALUE&&export X=2",
    "env NAME=VALUE command", "docker run -e NAME=VALUE image", 'Environment="NAME=VALUE"', 'NAME="${NAME:-VALUE}"',
    "set -x NAME VALUE", 'set -gx NAME "VALUE"', "set -x -g NAME VALUE", "setenv NAME VALUE", "ENV NAME VALUE",
    "setx NAME VALUE", "set NAME=VALUE", 'set "NAME=VALUE"', '$env:NAME = "VALUE"',
    '[Environment]::SetEnvironmentVariable("NAME", "VALUE", "User")',
    '{"NAME": "VALUE"}', r'"{\"NAME\": \"VALUE\"}"', "NAME: VALUE", "  NAME : 'VALUE'",
    "NAME := VALUE", "NAME => 'VALUE'",
    "- name: NAME\n  value: VALUE", '{"name": "NAME", "value": "VALUE"}', '<env name="NAME" value="VALUE"/>',
    "<key>NAME</key>\n  <string>VALUE</string>",
    'os.environ["NAME"] = "VALUE"', 'os.environ.setdefault("NAME", "VALUE")', "os.putenv('NAME','VALUE')",
    'process.env.NAME = "VALUE"', '$NAME = "VALUE";', 'define("NAME", "VALUE");', 'putenv("NAME=VALUE")',
    "\u200bNAME=VALUE", "NAME\u200b=\u200bVALUE", "\ufeffNAME=VALUE", "NAME\u3000=\u3000VALUE",
    "NAME\uff1dVALUE", "NAME\uff1aVALUE",
    "WORK_NAME=VALUE", "NAME_OLD=VALUE", "MY_NAME_2: VALUE",
    "mattermost_token=VALUE", "mattermost-token: VALUE", 'mattermostToken: "VALUE"', "Mattermost_Token = VALUE",
    "--mattermost-token VALUE", "--mattermost-token=VALUE", 'let mattermost_token = "VALUE";',
    "NAME=$'VALUE'", "NAME=('VALUE')", "NAME=\\\n  VALUE", "set-environment -g NAME VALUE", "<NAME>VALUE</NAME>",
    '{"Name": "NAME", "Value": "VALUE"}', "NAME,VALUE", '"NAME";"VALUE"', "The NAME is now VALUE.",
    "NAME=$(echo VALUE)", 'export NAME="$(echo -n VALUE)"', "NAME=$(printf '%s' 'VALUE')",
    "NAME=$(/bin/echo VALUE | tr -d x)",
    "NAME := $(command printf VALUE)", "NAME=$(cat <<< VALUE)", "set -x NAME (echo VALUE)",
    '$env:NAME = $(Write-Output "VALUE")', "NAME: $(echo VALUE)",
    "| NAME | VALUE |", "**NAME**: `VALUE`", "`NAME`: `VALUE`", "NAME\tVALUE",
    "NAME: str = 'VALUE'", "NAME: Final[str] = 'VALUE'", "const NAME: string = 'VALUE';", 'val NAME: String = "VALUE"',
    'const MattermostToken string = "VALUE"', "private mattermostToken: string | undefined = 'VALUE'",
    "NAME = SecretStr('VALUE')", "NAME: z.string().min(1).default('VALUE'),", "NAME = b'VALUE'", "NAME = r'VALUE'",
    "NAME = (\n    'VALUE'\n)", "os.environ[\n  'NAME'\n] = 'VALUE'", 'NAME = \"\"\"\nVALUE\"\"\"', "NAME='''VALUE'''",
    'variable "NAME" {\n  type = "string"\n  default = "VALUE"\n}',
    "parser.add_argument('--mattermost-token', default='VALUE')",
    '(def mattermost-token "VALUE")', '{:mattermost-token "VALUE"}', "$env:NAME = @'\nVALUE\n'@",
    "read NAME <<EOF\nVALUE\nEOF", "NAME\n: VALUE", "NAME:\n\n    VALUE\n", "NAME\n```\nVALUE\n```", "NAME\n  VALUE",
    "<dt>NAME</dt>\n<dd>VALUE</dd>", "NAME=$(echo VALUE)", "NAME: !secret VALUE", "NAME == VALUE",
    "NAME\uff08VALUE\uff09", '{"value": "VALUE", "name": "NAME"}', "- value: VALUE\n  name: NAME",
    '<env value="VALUE" name="NAME"/>', "x = Field('VALUE', env='NAME')",
    "x: str = Field(default='VALUE', alias='NAME')",
    "APP__MATTERMOST__TOKEN=VALUE", "MATTERMOST__TOKEN=VALUE", "MATTERMOST.TOKEN=VALUE", "NAME2=VALUE",
    r"MATTERMOST\_TOKEN=VALUE",
    "NAME: ${OTHER:-VALUE}", "NAME=${OTHER-VALUE}", 'export NAME=${OTHER:-"VALUE"}',
    "NAME: ${{ secrets.A || 'VALUE' }}",
    "NAME: \"{{ lookup('env', 'A') | default('VALUE') }}\"", "NAME = os.getenv('A') or 'VALUE'",
    "NAME = process.env.A || 'VALUE';",
    '{"key": "NAME", "type": "secret", "value": "VALUE"}', '{"value": "VALUE", "type": "secret", "key": "NAME"}',
    '{"id": "NAME", "type": "promptString", "password": true, "default": "VALUE"}',
    "- name: NAME\n  description: of the bot\n  required: true\n  value: VALUE", "NAME: # the old one\n  VALUE\n",
    "NAME \u2192 VALUE", "NAME \u2014 VALUE.", "NAME = \u201cVALUE\u201d", "NAME: \u00ab\u00a0VALUE\u00a0\u00bb",
    "NAME\u662fVALUE\u3002", "\u3010NAME\u3011VALUE", "mattermost_token \u662f VALUE", "NAME\uff1a\u300cVALUE\u300d",
    '{"value": "VALUE", "enabled": true, "key": "NAME"}', '<input value="VALUE" type="password" class="x" name="NAME">',
    "A=1\0NAME=VALUE\0B=2\0", "\ufffd\x10NAME\ufffd\ufffd\x14VALUE\ufffds.\0", "_\x10\x10NAME_\x10\x14VALUE\0",
    "SQLite format 3\0\x01\x04NAMEVALUE\x02\x01",
    "echo VALUE | docker secret create NAME -", "printf '%s' VALUE | gh secret set NAME", "printf %s VALUE > NAME",
])  # fmt: skip
def test_value_beside_a_name_is_found(line: str) -> None:
    text = line.replace("NAME", NAME).replace("VALUE", VALUE)
    assert {(mention.fact.name, mention.value) for mention in mentions_in_code(text, CATALOG)} == {(NAME, VALUE)}
    assert MAY_MENTION(text.encode())


@pytest.mark.parametrize("line", [
    "mattermost_token = get_token_2(config)", "NAME: str = None", "mattermost_token=settings.token2",
    "mattermostToken: string;", '"NAME", "a description of it"', 'token = os.environ["NAME"]', "NAME=$OTHER",
    "mattermost_token = args.mattermost_token or load_token1()", "slack_bot_token: Optional[str] = None",
    "self.mattermost_token = config2.mattermost_token", "NAME=your_mattermost_token_1", "NAME=<removed: NAME>",
    "NAME=$(cat /run/secrets/mattermost1)", "NAME=$(pass show mattermost/bot-token-v2)",
    "NAME=$(echo $OTHER_TOKEN_V2)",
    "NAME=$(gcloud secrets versions access latest --secret=mattermost-token-v2)", 'NAME="$(echo "${A1b2C3d4e5F6g7}")"',
    "NAME requires mattermost-server-v10.5.2", "NAME, MATTERMOST_URL and mattermost_channel_1",
    f"NAME={'a' * 150}1(", "NAME = secrets.token_urlsafe(32)", "NAME = sha256_of_file1234(path)",
    "NAME = getpass.getpass('v2 of a1b2c3d4e5f6g7h8:')", "NAME: SecretStr | None = None",
    "if not env['NAME']: sha = '8e5e7e5ab8b370d6c329'", "run(os.environ['NAME'], sha='8e5e7e5ab8b370d6c329')",
    "- name: OTHER\n  value: 8e5e7e5ab8b370d6c329\n- name: NAME\n", "['NAME',\n '8e5e7e5a-b8b3']",
    "NAME: str\nsha: 8e5e7e5ab8b370d6c329", "NAME: ${{ secrets.NAME }}\n  SHA: 8e5e7e5ab8b370d6c329ec4",
    "- name: NAME\n  valueFrom:\n    secretKeyRef: {name: mattermost-secret-v1a2b3c4}\n",
    "throw new Error('NAME missing: see https://x.io/a1b2c3d4e5f6g7h8i9')",
    "Set NAME to a token. See commit 8e5e7e5ab8b370d6c329ec4.", "| NAME | since `sha256:8e5e7e5ab8b370d6c329ec4` |",
    "NAME (rev 8e5e7e5ab8b370d6c329ec4)",
    "NAME: ${OTHER:-}  # sha 8e5e7e5ab8b370d6c329ec4", "NAME: ${{ secrets.NAME }} # at 8e5e7e5ab8b370d6c329ec4",
    "NAME={{ lookup('x', 'kv/8e5e7e5ab8b370d6c329ec4') }}", "NAME = os.getenv('A', None); sha = '8e5e7e5ab8b370d6c329'",
    "- name: NAME\n  image: a/b\n- name: SHA\n  value: 8e5e7e5ab8b370d6c329ec4",
    '{"name": "NAME", "type": "secret"}, {"name": "SHA", "value": "8e5e7e5ab8b370d6c329ec4"}',
    "echo 8e5e7e5ab8b370d6c329ec4 | tee sha\nread NAME", "NAME: # see below\n  sha: 8e5e7e5ab8b370d6c329ec4",
    "NAME \u2014 see 8e5e7e5a", "NAME\0SHA\x008e5e7e5ab8b370d6c329ec4\0", "SQLite format 3\0NAMEofthetoken\x01",
    '{"value": "8e5e7e5ab8b370d6c329", "id": 1}, {"key": "NAME", "enabled": true}',
    "OPENAI_API_KEY=CANARYa1b2C3d4e5F6g7", "openai_api_key: CANARYa1b2C3d4e5F6g7", "NAME=", "NAME is needed",
])  # fmt: skip
def test_other_text_is_no_value(line: str) -> None:
    assert list(mentions_in_code(line.replace("NAME", NAME), CATALOG)) == []


def test_hash_in_a_comment_is_no_value() -> None:
    assert not list(mentions_in_comment(f" {NAME} was rotated in commit 8e5e7e5ab8b370d6c329ec4", CATALOG))
    assert [one.value for one in mentions_in_comment(f" {NAME} was {VALUE} up to May", CATALOG)] == [VALUE]
