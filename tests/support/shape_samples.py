"""Credentials of every published form, and look-alikes. Put together here: no scanner takes this file for a leak."""

from __future__ import annotations

from hermes_profiles.credentials.detection.shapes import IDENTITY_SHAPES

_HEX = "5a" * 16
_UUID = "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d"
_LETTERS = "CaNaRy0SYNTHETICabcdefghiJkLmNoPqRsTuVwXyZ123456"

# kind → credentials that have its form, each of them whole.
POSITIVE: dict[str, tuple[str, ...]] = {
    "Telegram bot token": (
        "8812345678:" + "AAF-CANARYTelegramTokenAbCdEfGh123x",
        "7654321:" + "AAsyntheticCANARYTelegramToken1",
        "9912345678:" + "CANARY_Td0KLmNoPqRsTuVwXyZ12345678A",
    ),
    "text like a Telegram bot token": ("123456789:" + "canary0123456789abcdef0123456789",),
    "Discord bot token": (
        "MTE4CANARYDiscordBotAAAA." + "GhSyn1.CANARYcordHmacPartAbCdEfGhIjKlMn",
        "NzAxMjM0NTY3ODkwMTIzNDU2." + "Xq-_1Z.CANARYa-_bcdefghijklmnopqrs",
        "OTAxMjM0NTY3ODkwMTIzNDU2Nw." + "GCANAR.CANARYabcdefghijklmnopqrstuvwxyz012345",
    ),
    "text like a Discord bot token": ("NoAxMjM0NTY3ODkwMTIzNDU2." + "Xq-_1Z.CANARYa-_bcdefghijklmnopqrs",),
    "Discord user token": ("mf" + "a." + "CANARYu5er_" * 7,),
    "Discord webhook": (
        "https://discord." + "com/api/webhooks/909090909090909090/CANARYHook_" + "AbCdEf01" * 6,
        "https://ptb.discordapp." + "com/api/v10/webhooks/909090909090909090/CANARYHook_" + "AbCdEf01" * 6,
        "discord." + "com/api/webhooks/909090909090909090/CANARYHook_" + "AbCdEf01" * 6,
        "discord" + "://909090909090909090/CANARYHook_" + "AbCdEf01" * 6,
        "discord" + "://CANARYHook_" + "AbCdEf01" * 6 + "@909090909090909090",
    ),
    "Slack token": (
        "xox" + "b-101010101010-2020202020202-CANARYSlackBotAbCdEf01",
        "xox" + "p-404040404040-505050505050-606060606060-" + "9f" * 16,
        "xox" + "a-2-404040404040-505050505050-CANARY01",
        "xox" + "e-1-CANARY0AbCdEf0123456789",
        "xox" + "e.xoxp-1-CANARY0AbCdEf0123456789",
        "xox" + "s-404040404040-505050505050-606060606060-CANARY0a",
        "xox" + "r-404040404040-CANARY0abcdef",
    ),
    "Slack app token": ("xap" + "p-1-A0CANARY01-3030303030303-" + _HEX * 2,),
    "Slack webhook": (
        "https://hooks.slack." + "com/services/T0CANARYXX/B0CANARYXX/CANARYHook0123456789abcd",
        "https://hooks.slack." + "com/workflows/T0CANARYXX/A0CANARYXX/505050505050505050/CANARYHook0123456789abcd",
        "https://hooks.slack." + "com/triggers/T0CANARYXX/5050505050505/CANARYHook0123456789abcd",
        "https://canary.slack." + "com/services/hooks/incoming-webhook?token=CANARYHookAbCdEfGhIjKlMn",
        "https://canary.slack." + "com/services/hooks/slackbot?channel=%23ops&token=CANARYHook0123456789abcd",
        "https://big-canary.enterprise.slack." + "com/services/hooks/jenkins-ci/CANARYHook0123456789abcd",
        "slack" + "://T0CANARYXX/B0CANARYXX/CANARYHook0123456789abcd",
        "slack" + "://hook:T0CANARYXX-B0CANARYXX-CANARYHook0123456789abcd",
        "slack" + "://xoxb:123123123123-123123123123-CANARYHook0123456789",
    ),
    "WhatsApp Cloud token": ("EA" + "A" + "CANARY01ZBxyZC" * 10,),
    "text like a WhatsApp Cloud token": ("EA" + "A" + "CANARY01ZBxyZC" * 3,),
    "WeChat iLink token": ("a1b2c3d4e5f6@im." + "bot:060000CANARYIlinkTokenAbCdEfGh",),
    "WeChat iLink account": ("canary3d4e5f6@im." + "bot",),
    "Matrix access token": (
        "sy" + "t_c3luY2FuYXJ5_CANARYMatrixTokenAbC_1aBcD2",
        "sy" + "t_Y2FuYXJ5_CANARYMatrixToken_1aBcD2",
        "ma" + "t_CANARYabcdefghijklmnopqrstuvwx_aB1cD2",
        "mc" + "t_CANARYabcdefghijklmnopqrstuvwx_aB1cD2",
    ),
    "Matrix recovery key": (
        "Es" + "Tc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d",
        "Es" + "TcLW2KPGiFwKEA3As5g5c4BXwkqeeJZJV8Q9fugUMNUE4d",
    ),
    "text like an old Matrix access token": ("MDA" + "xOGxvY2F0aW9uIGNhbmFyeS5vcmcK" * 5,),
    "Twilio API key": ("S" + "K" + _HEX,),
    "Twilio account": ("A" + "C" + _HEX,),
    "Teams webhook": (
        f"https://canary.webhook.office.com/webhookb2/{_UUID}@{_UUID}/IncomingWebhook/{_HEX}/{_UUID}",
        f"https://outlook.office.com/webhook/{_UUID}@{_UUID}/IncomingWebhook/{_HEX}/{_UUID}",
        f"msteams://{_UUID}@{_UUID}/{_HEX}/{_UUID}",
    ),
    "Teams workflow webhook": (
        f"https://prod-01.westus.logic.azure.com:443/workflows/{_HEX}/triggers/manual/paths/invoke"
        "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=CANARYabcdefghijklmnopqrstuvwxyz0123456789ABC",
    ),
    "Google Chat webhook": (
        "https://chat.googleapis.com/v1/spaces/AAAACANARY0/messages?key=AIzaCANARYabcdefghijklmnopqrstuvwxyz0123"
        "&token=CANARYabcdefghijklmnopqrstuvwxyz0123456789%3D",
    ),
    "Feishu or Lark webhook": (
        f"https://open.feishu.cn/open-apis/bot/v2/hook/{_UUID}",
        f"https://open.larksuite.com/open-apis/bot/v2/hook/{_UUID}",
        f"https://www.feishu.cn/flow/api/trigger-webhook/{_HEX}",
        f"https://botbuilder.larksuite.com/webhook/{_HEX}",
        f"feishu://{_UUID}",
        f"lark://{_HEX}",
    ),
    "Feishu or Lark app id": ("cl" + "i_a1b2c3d4e5f60718",),
    "DingTalk webhook": (
        "https://oapi.dingtalk.com/robot/send?access_token=" + _HEX * 2,
        "dingtalk" + "://" + _HEX * 2,
    ),
    "DingTalk signing secret": ("SE" + "C" + _HEX * 2,),
    "DingTalk client id": ("din" + "gcanary0a1b2c3d4e",),
    "WeCom webhook": (
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={_UUID}",
        f"https://qyapi.weixin.qq.com/cgi-bin/webhook/upload_media?key={_UUID}",
        f"wecombot://{_UUID}",
    ),
    "WeCom or WeChat account": ("w" + "w1a2b3c4d5e6f7081", "w" + "x1a2b3c4d5e6f7081"),
    "WeCom bot id": ("ai" + "bCANARY0abcdefghijklmnopqrs",),
    "LINE channel access token": ("CANARY0" + "aB3/dE6+" * 17 + "dB04t89/1O/w1cDn" + "yilFU=",),
    "Mattermost webhook": (
        "https://chat.canary.org/hooks/canary0abcdefghijklmnopqrs",
        "mmosts" + "://chat.canary.org/canary0abcdefghijklmnopqrs",
    ),
    "text like a Mattermost token": ("attermost token: canary0abcdefghijklmnopqrs",),
    "ntfy access token": ("t" + "k_canary0abcdefghijklmnopqrstuv",),
    "QQ bot token": ("102012345." + "CANARY0abcdefghijklmnopqrstuvwxy",),
    "Nostr private key": ("nse" + "c1" + "qxarycq" + "pzry9x8gf2tvdw0s3jn54khce6mua7lqpzry9x8gf2tvdw0s3jn",),
    "Microsoft client secret": ("CAN8" + "Q~CANARYabcdefghijklmnopqrstuvwxyz"[:36],),
    "JSON Web Token": ("ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JpYXQiOiJDQU5BUlkifQ.CANARYabcdefghijklmnopqrstuv",),
    "private key": ("-----BEGIN RSA PRIVATE" + " KEY-----",),
}
# Texts that are no credential.
NEGATIVE: tuple[str, ...] = (
    "https://example.org:8080/a",
    "2026-11-29T10:22:33.123456+00:00 INFO gateway.platforms.telegram: polling",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "1700000000:done",
    "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
    "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "TELEGRAM_BOT_TOKEN=123456789:AAxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "TELEGRAM_BOT_TOKEN=123456789:your_telegram_bot_token_from_botfather",
    "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "xoxb-your-bot-token",
    "xoxb-...",
    "xapp-1-...",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "https://discord.com/api/webhooks/000000000000000000/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "https://TEAM.slack.com/services/hooks/incoming-webhook?token=YOUR_TOKEN_OF_24_LETTERS",
    "https://team.slack.com/services/hooks/incoming-webhook?token=xxxxxxxxxxxxxxxxxxxxxxxx",
    "https://{team}.slack.com/services/hooks/incoming-webhook?token={token}",
    "https://team.slack.com/services/hooks/incoming-webhook and https://example.org/services/hooks/a?token=0123",
    "https://team.slack.com/services/hooks/incoming_webhook_and_its_settings",
    "https://chat.example.org/services/hooks/incoming-webhook?token=CANARYHook0123456789abcd",
    "https://discord.com/api/webhooks/{id}/{token}",
    "discord://webhook_id/webhook_token and slack://TokenA/TokenB/TokenC of Apprise",
    "wecombot://botkey, feishu://token, mmost://hostname/authkey",
    "https://github.com/owner/repository/actions/workflows/test.yml",
    "import hermes.gateway.platforms.telegram_adapter_with_a_long_name",
    "module.function.another_function_with_a_long_name",
    "Module.method.SomeOtherClassWithALongName",
    "EAA",
    "syt_",
    "mat_plot_library_with_a_long_name",
    "format_something_with_a_very_long_name",
    "tk_button_with_a_long_name_of_a_widget",
    "SKIPPED_BECAUSE_THE_NAME_IS_LONG_ENOUGH",
    "ACCEPTABLE",
    "SECTION",
    "loadingandunloadingthings",
    "www.example.org",
    "cli_options",
    "Essential reading",
    "user@im.botany.org",
    "matter of fact: mattermost is a chat server",
    "-----BEGIN CERTIFICATE-----",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB",
    "AIzaCANARYabcdefghijklmnopqrstuvwxyz012",
    "sk-proj-CANARYabcdefghijklmnopqrstuvwxyz012",
    "ghp_CANARYabcdefghijklmnopqrstuvwxyz012345",
)
# What a copy must not have: kind, value.
CERTAIN: tuple[tuple[str, str], ...] = tuple(
    (row.kind, value)
    for row in {row.kind: row for row in IDENTITY_SHAPES}.values()
    if row.certain
    for value in POSITIVE[row.kind]
)
LIKELY: tuple[tuple[str, str], ...] = tuple(
    (row.kind, value) for row in IDENTITY_SHAPES if not row.certain for value in POSITIVE[row.kind]
)
