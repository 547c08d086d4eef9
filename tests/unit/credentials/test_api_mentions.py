"""Credentials in requests to the API of a channel, which no name is beside."""

from __future__ import annotations

import json

import pytest

from hermes_profiles.credentials.mentions.api_mentions import api_mentions, may_hold_address

VALUE = "CANARYa1b2C3d4e5F6g7"
MODEL = "MODELq1w2E3r4t5Y6u7i8"
AUTH = f"Authorization: Bearer {VALUE}"
OTHER = f"curl https://api.example.ai/v1/models -H 'Authorization: Bearer {MODEL}'\n"


def _har(*requests: tuple[str, str]) -> dict[str, object]:
    return {
        "entries": [
            {"request": {"url": url, "headers": [{"name": "Authorization", "value": f"Bearer {token}"}]}}
            for url, token in requests
        ]
    }


BOTH = _har(("https://mm.example.org/api/v4/posts", VALUE), ("https://api.example.ai/v1/chat", MODEL))
REQUESTS = {
    "curl": ("slack", f"curl -H '{AUTH}' https://slack.com/api/chat.postMessage -d x\n{OTHER}"),
    "curl, other first": ("slack", f"{OTHER}curl https://slack.com/api/auth.test -H '{AUTH}'\n"),
    "continued": ("mattermost", f"curl -X POST \\\n -H '{AUTH}' \\\n  https://mm.example.org/api/v4/posts\n{OTHER}"),
    "matrix": ("matrix", f"curl https://matrix.example.org/_matrix/client/v3/sync -H '{AUTH}'\n"),
    "Bot": ("discord", f"curl -H 'Authorization: Bot {VALUE}' https://discord.com/api/v10/users/@me\n"),
    "query": ("whatsapp_cloud", f"curl 'https://graph.facebook.com/v20.0/me?access_token={VALUE}'\n"),
    "body": ("feishu", f'curl https://open.feishu.cn/open-apis/auth/v3/x -d \'{{"app_secret":"{VALUE}"}}\'\n'),
    "secret of a corporation": ("wecom", f"curl 'https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpsecret={VALUE}'\n"),
    "oauth2": ("slack", f"curl --oauth2-bearer {VALUE} https://slack.com/api/x\n"),
    "wget": ("line", f"wget --header='{AUTH}' -qO- https://api.line.me/v2/bot/info\n"),
    "httpie": ("slack", f'http POST https://slack.com/api/x Authorization:"Bearer {VALUE}"\n'),
    "http file": ("slack", f"POST https://slack.com/api/chat.postMessage\n{AUTH}\n\n{{}}\n"),
    "PowerShell": ("slack", f'irm -Headers @{{ Authorization = "Bearer {VALUE}" }} `\n -Uri https://slack.com/api/x\n'),
    "Python": ("slack", f'post("https://slack.com/api/x", headers={{"Authorization": "Bearer {VALUE}"}})\n'),
    "JavaScript": (
        "slack",
        f"fetch('https://slack.com/api/x', {{ headers: {{ Authorization: `Bearer {VALUE}` }} }})\n",
    ),
    "HAR": ("mattermost", json.dumps(BOTH)),
    "HAR, indented": ("mattermost", json.dumps(BOTH, indent=2)),
    "Bruno": ("mattermost", f"get {{\n url: https://x.io/api/v4/users/me\n}}\nauth:bearer {{\n token: {VALUE}\n}}\n"),
    "Postman": (
        "mattermost",
        json.dumps(
            {
                "auth": {"type": "bearer", "bearer": [{"key": "token", "value": VALUE, "type": "string"}]},
                "url": {"raw": "https://mm.example.org/api/v4/users/me"},
            },
            indent=1,
        ),
    ),
    "history of zsh": ("slack", f": 1:0;curl -H '{AUTH}' https://slack.com/api/x\n: 2:0;{OTHER}"),
}


@pytest.mark.parametrize("form", REQUESTS)
def test_credential_of_a_request_is_found(form: str) -> None:
    channel, text = REQUESTS[form]
    found = list(api_mentions(text))
    assert {(one.channel, one.value) for one in found} == {(channel, VALUE)} and may_hold_address(text.encode())


@pytest.mark.parametrize("text", [
    OTHER, f"curl -H 'Authorization: Bearer {MODEL}' https://gitlab.com/api/v4/users/me\n",
    f"curl -H 'PRIVATE-TOKEN: {MODEL}' https://git.example.org/api/v4/projects\n",
    f"base_url: https://slack.com/api/\n\nllm:\n  url: https://api.example.ai\n  token: {MODEL}\n",
    "curl -H 'Authorization: Bearer $SLACK_TOKEN' https://slack.com/api/x\n",
    "curl -H 'Authorization: Bearer xoxb-your-token-here' https://slack.com/api/x\n",
    f"curl -H 'Authorization: Bearer sk-{MODEL}' https://slack.com/api/x\n",
    "https://slack.com/api/files.list token is described in the manual of version 2",
])  # fmt: skip
def test_credential_of_another_service_stays(text: str) -> None:
    assert not list(api_mentions(text))
