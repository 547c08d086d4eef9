"""Lines of `.env` files, and the result of each reader."""

from __future__ import annotations

D, L, S = "dotenv", "lines", "splitlines"
ALL = {D, L, S}

# text, name, readers, value of the gateway, every value
READ = [
    ("KEY=v", "KEY", ALL, "v", ("v",)),
    ("export KEY=v", "KEY", ALL, "v", ("v",)),
    ("export\tKEY=v", "KEY", {D}, "v", ("v",)),
    ("'KEY'=v", "KEY", {D}, "v", ("v",)),
    ("KEY = v", "KEY", ALL, "v", ("v",)),
    ("  KEY=v  ", "KEY", ALL, "v", ("v",)),
    ("KEY=v # note", "KEY", ALL, "v", ("v", "v # note")),
    ('KEY="v" # note', "KEY", ALL, "v", ("v", '"v"', '"v" # note')),
    ("KEY= # note", "KEY", ALL, "# note", ("# note",)),
    ("KEY=#v", "KEY", ALL, "#v", ("#v",)),
    ("O=x\nKEY=${O}y", "KEY", ALL, "xy", ("xy", "${O}y")),
    ("O=x\nKEY='${O}y'", "KEY", ALL, "xy", ("xy", "${O}y", "'${O}y'")),
    ("KEY=${X:-v}", "KEY", ALL, "v", ("v", "${X:-v}")),
    ("KEY=a\nKEY=b", "KEY", ALL, "b", ("b",)),
    ("KEY=", "KEY", ALL, "", ()),
    ('KEY="a\\"b"', "KEY", ALL, 'a"b', ('a"b', '"a\\"b"', 'a\\"b')),
    ("A_KEY=xB_TOKEN=y", "A_KEY", ALL, "x", ("x", "xB_TOKEN=y")),
    ("A_KEY=xB_TOKEN=y", "B_TOKEN", {D, L}, "y", ("y",)),
    ('KEY="a\nTELEGRAM_BOT_TOKEN=CANARY\nb"', "TELEGRAM_BOT_TOKEN", {L, S}, "", ("CANARY",)),
    ("KEY=a\u2028B_TOKEN=b", "B_TOKEN", {S}, "", ("b",)),
    ("KEY=a\x0bB_TOKEN=b", "B_TOKEN", {S}, "", ("b",)),
    ("KEY=a\x0cB_TOKEN=b", "B_TOKEN", {S}, "", ("b",)),
    ("# note\u2028B_TOKEN=b", "B_TOKEN", {S}, "", ("b",)),
    ("KEY=tökEN", "KEY", ALL, "tökEN", ("tökEN", "tkEN")),
]
