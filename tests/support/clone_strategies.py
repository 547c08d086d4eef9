"""Hypothesis strategies for homes: any channel and key, unusual spellings, YAML and files.

Every secret is synthetic and contains a unique number, so that no value is part of another one.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import quote

from clone_source import Content
from config_paths import identity_paths
from hypothesis import strategies as st

from hermes_profiles.credentials.catalog.catalog import KeyClass, load_catalog
from hermes_profiles.credentials.search.value_index import is_address

CATALOG = load_catalog()
CHANNELS = tuple(CATALOG.channels)
SHARED = ("OPENROUTER_API_KEY", "TAVILY_API_KEY", "EXA_API_KEY", "MY_OWN_SETTING", "HTTPS_PROXY", "github_pat")
_GOES = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION, KeyClass.IDENTITY_SETTING)
# Hermes splits joined lines at known names.
JOINABLE = ("DISCORD_BOT_TOKEN", "WEIXIN_TOKEN", "SLACK_APP_TOKEN", "MATRIX_ACCESS_TOKEN")
# Characters of real tokens, and characters that need quoting: `:` `/` `+` `=` `%` `.` `~` and letters beyond ASCII.
_TAIL = st.text(alphabet="abcXYZ019:/+=.~-_%", min_size=4, max_size=24)
_NO_HOST = str.maketrans(".:", "--")
_ODD_TAIL = st.text(alphabet="abc019é€@!*&[]{}?,;|<> ", min_size=4, max_size=16).map(str.strip)


@dataclass
class Home:
    """A source: files, values to remove, variables to keep, marks of lines that can change."""

    files: dict[str, Content] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    kept_lines: list[str] = field(default_factory=list)
    whole: bool = True


@st.composite
def secrets(draw: st.DrawFn, number: int, name: str | None = None) -> str:
    """Return a secret that is part of no other one: it begins and ends with its number.

    `name`: of its variable. A clone leaves a public host in longer addresses, so no value of a public key is one.
    """
    tail = draw(_TAIL) if draw(st.integers(0, 3)) else draw(_ODD_TAIL)
    value = f"CANARY{number:03d}{tail}N{number:03d}E"
    fact = CATALOG.lookup(name) if name is not None else None
    is_public = name is None or (fact is not None and not fact.secret)
    return value.translate(_NO_HOST) if is_public and is_address(value) else value


def is_dropped(name: str) -> bool:
    fact = CATALOG.lookup(name)
    return fact is not None and fact.key_class in _GOES and fact.channel != "api_server"


@st.composite
def names(draw: st.DrawFn) -> str:
    channel = CATALOG.channels[draw(st.sampled_from(CHANNELS))]
    known = [fact.name for fact in channel.keys if is_dropped(fact.name) and not fact.name.endswith("_ENABLED")]
    made = [f"{prefix}NEW_{channel.name.upper()}_THING" for prefix in channel.prefixes if channel.name != "api_server"]
    return draw(st.sampled_from(known + made or ["TELEGRAM_BOT_TOKEN"]))


@st.composite
def env_lines(draw: st.DrawFn, name: str, value: str, *, plain: bool) -> str:
    """Return an entry in a spelling that a reader of Hermes accepts."""
    export = draw(st.sampled_from(("", "", "export ", "  export  ") if plain else ("", "export ", "export\t", " ")))
    equals = draw(st.sampled_from(("=", "=", " = ", "= ", "\t=\t")))
    quotable = ["'"] if "'" not in value else []
    if '"' not in value and "\\" not in value and "$" not in value:
        quotable.append('"')
    bare = not any(c in value for c in " #'\"")
    mark = draw(st.sampled_from([*quotable, *([""] * 3 if bare else [])]))
    comment = draw(st.sampled_from(("", "", "  # mine", " # since 2024-05-06"))) if not plain else ""
    spelled = f"'{name}'" if not plain and draw(st.integers(0, 9)) == 0 else name
    return f"{export}{spelled}{equals}{mark}{value}{mark}{comment}"


@st.composite
def env_texts(draw: st.DrawFn, home: Home, start: int) -> str:
    lines = ["# a comment at the top"]
    for position in range(draw(st.integers(1, 7))):
        number = start + position
        kind = draw(
            st.sampled_from(
                ("gone", "gone", "gone", "shared", "shared", "comment", "double", "joined", "lines", "copy")
            )
        )
        if kind == "shared":
            name = draw(st.sampled_from(SHARED))
            home.shared.append(name)
            line = draw(env_lines(name, f"shared-{number}-" + draw(_TAIL).replace("%", ""), plain=True))
            home.kept_lines.append(line)
            lines.append(line)
            continue
        name = draw(names())
        value = draw(secrets(number, name))
        home.gone.append(value)
        if kind == "comment":
            lines.append(f"# {name}={value}")
        elif kind == "double":
            other = draw(secrets(number + 100, name))
            home.gone.append(other)
            lines += [draw(env_lines(name, value, plain=False)), draw(env_lines(name, other, plain=True))]
        elif kind == "joined":
            other = draw(secrets(number + 100, JOINABLE[0]))
            home.gone.append(other)
            name = draw(st.sampled_from(JOINABLE))
            # It keeps lines whose values resemble URLs.
            value, other = (part.translate(dict.fromkeys(map(ord, " ?&:"))) for part in (value, other))
            lines.append(f"{name}={value}TELEGRAM_BOT_TOKEN={other}")
            home.gone[-2:] = [value, other]
        elif kind == "lines":
            lines.append(f'{name}="first part {number}\n{value}\nlast part"')
            if any(c in value for c in '"\\$'):
                lines[-1] = f"{name}='{value}'"
        elif kind == "copy":
            lines += [draw(env_lines(name, value, plain=False)), f"COPY_{number}='{value}'"]
        else:
            lines.append(draw(env_lines(name, value, plain=False)))
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(("", "   ", "# between", f"# note {number}"))))
    return "\n".join(lines) + draw(st.sampled_from(("\n", "\n", "", "\n\n")))


@st.composite
def encoded_env(draw: st.DrawFn, home: Home, text: str) -> bytes:
    kind = draw(st.sampled_from(("utf-8",) * 6 + ("crlf", "bom", "utf-16-le", "utf-16-be", "nul")))
    home.whole = kind == "utf-8"
    if kind == "crlf":
        return text.replace("\n", "\r\n").encode()
    if kind == "bom":
        return b"\xef\xbb\xbf" + text.encode()
    if kind.startswith("utf-16"):
        return (b"\xff\xfe" if kind.endswith("le") else b"\xfe\xff") + text.encode(kind)
    return text.encode() + (b"\x00" * 16 if kind == "nul" else b"")


def scalar(draw: st.DrawFn, value: str, *, flow: bool = False) -> str:
    """Return a YAML scalar in a random style."""
    safe = value[0].isalnum() and not any(c in value for c in ":#,[]{}&*!|>'\"%@`? ") and "\\" not in value
    styles = ["'", '"', *([""] if safe else [])]
    style = draw(st.sampled_from(styles))
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=draw(st.booleans())) if style else value


@st.composite
def configs(draw: st.DrawFn, home: Home, start: int) -> str:
    out = ["# settings of the agent", "model:", "  default: anthropic/claude  # the usual one", ""]
    home.kept_lines += [out[0], out[2]]
    blocks: dict[str, list[str]] = {"platforms": [], "gateway": [], "top": []}
    number = start
    for name in draw(st.lists(st.sampled_from(CHANNELS), max_size=4, unique=True)):
        if name == "api_server":
            continue
        paths = [path for path in identity_paths(CATALOG.channels[name]) if "." not in path.removeprefix("extra.")]
        where = draw(st.sampled_from(("platforms", "platforms", "gateway", "top", "anchor")))
        spelled = (
            draw(st.sampled_from((name, name, name.title(), name.upper(), f'"{name}"'))) if where != "top" else name
        )
        pairs: list[tuple[str, str]] = []
        extra: list[tuple[str, str]] = []
        for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3, unique=True)):
            value = draw(secrets(number))
            number += 1
            home.gone.append(value)
            into = extra if path.startswith("extra.") else pairs
            into.append((path.removeprefix("extra."), scalar(draw, value)))
        if draw(st.booleans()):
            pairs.insert(0, ("enabled", draw(st.sampled_from(("true", "yes", "'on'", "false", "1")))))
        if draw(st.booleans()):
            pairs.append(("reply_to_mode", "first"))
        body = _block(draw, pairs, extra)
        if where == "anchor":
            label = f"x{number}"
            out += [f"{label}: &{label}", *(f"  {line}" for line in body)]
            tail = draw(
                st.sampled_from(
                    (
                        f"{spelled}: *{label}",
                        f"{spelled}:\n    <<: *{label}",
                        f"{spelled}: {{<<: *{label}, enabled: true}}",
                    )
                )
            )
            blocks["platforms"].append("  " + tail)
        else:
            blocks[where] += _named(
                draw, spelled, body, pairs, extra, deep={"platforms": 2, "gateway": 4, "top": 0}[where]
            )
    if blocks["platforms"]:
        out += ["platforms:", "  # the channels", *blocks["platforms"]]
    if blocks["gateway"]:
        out += ["gateway:", "  strict: false", "  platforms:", *blocks["gateway"]]
    out += blocks["top"]
    if draw(st.integers(0, 3)) == 0:
        name = draw(names())
        value = draw(secrets(number, name))
        home.gone.append(value)
        out.append(f"{name}: {scalar(draw, value)}")
    if home.gone and draw(st.booleans()):
        value = draw(st.sampled_from(home.gone))
        out += [f"note: {json.dumps('see ' + value + ' there')}", f"# was {value}", "after: 1  # stays"]
        home.kept_lines.append("after: 1  # stays")
    text = "\n".join([*out, "terminal:", "  timeout: 60"]) + "\n"
    return text.replace("\n", "\r\n") if draw(st.integers(0, 9)) == 0 else text


def _block(draw: st.DrawFn, pairs: list[tuple[str, str]], extra: list[tuple[str, str]]) -> list[str]:
    lines = [f"{key}: {value}" for key, value in pairs]
    if extra and draw(st.booleans()):
        lines.append("extra: {" + ", ".join(f"{key}: {value}" for key, value in extra) + "}")
    elif extra:
        lines += ["extra:", *(f"  {key}: {value}" for key, value in extra)]
    return lines or ["enabled: true"]


def _named(
    draw: st.DrawFn,
    name: str,
    body: list[str],
    pairs: list[tuple[str, str]],
    extra: list[tuple[str, str]],
    *,
    deep: int,
) -> list[str]:
    pad = " " * deep
    if draw(st.integers(0, 3)) == 0:
        inner = [f"{key}: {value}" for key, value in pairs]
        inner += ["extra: {" + ", ".join(f"{key}: {value}" for key, value in extra) + "}"] if extra else []
        return [f"{pad}{name}: {{{', '.join(inner)}}}"]
    comment = draw(st.sampled_from(("", "", "  # a channel")))
    return [f"{pad}{name}:{comment}", *(f"{pad}  {line}" for line in body)]


@st.composite
def skill(draw: st.DrawFn, values: list[str]) -> bytes:
    """Return a file that mentions removed values in some encoding."""
    parts: list[bytes] = [b"# a skill\n"]
    for value in draw(st.lists(st.sampled_from(values), max_size=3)):
        raw = value.encode()
        way = draw(st.sampled_from(("plain", "url", "lower", "base64", "urlsafe", "json", "utf-16")))
        if way == "plain":
            parts.append(b"use " + raw + b" now\n")
        elif way in ("url", "lower"):
            text = quote(value, safe="")
            parts.append(b"https://h.example/" + (text if way == "url" else _lower_hex(text)).encode() + b"?x=1\n")
        elif way == "json":
            parts.append(json.dumps({"token": value}, ensure_ascii=draw(st.booleans())).encode() + b"\n")
        elif way == "utf-16":
            parts = [b"\xff\xfe" + ("note " + value + "\n").encode("utf-16-le")]
            break
        else:
            pad = b"x" * draw(st.integers(0, 3))
            code = base64.b64encode if way == "base64" else base64.urlsafe_b64encode
            parts.append(b"Basic " + code(pad + raw + pad) + b"\n")
    data = b"".join(parts)
    return data + b"\x00\xff\x01" if draw(st.integers(0, 5)) == 0 and not data.startswith(b"\xff\xfe") else data


def _lower_hex(text: str) -> str:
    import re

    return re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), text)


@st.composite
def homes(draw: st.DrawFn) -> Home:
    home = Home()
    home.files[".env"] = draw(encoded_env(home, draw(env_texts(home, 0))))
    if draw(st.integers(0, 3)) == 0:
        inner = Home()
        home.files[".op.env"] = draw(env_texts(inner, 20)).encode()
        home.gone += inner.gone
        home.kept_lines += inner.kept_lines
    if draw(st.integers(0, 3)):
        home.files["config.yaml"] = draw(configs(home, 40)).encode()
    if draw(st.integers(0, 3)) == 0:
        value = draw(secrets(80))
        home.gone.append(value)
        name = draw(st.sampled_from([name for name in CHANNELS if name != "api_server"]))
        home.files["gateway.json"] = json.dumps(
            {"platforms": {name: {"enabled": True, "token": value}}}, indent=draw(st.sampled_from((None, 2)))
        ).encode()
    for number in range(draw(st.integers(0, 3))):
        home.files[f"skills/s{number}/SKILL.md"] = draw(skill(home.gone)) if home.gone else b"# empty\n"
    home.files["SOUL.md"] = b"# calm\n" + (
        draw(st.sampled_from(home.gone)).encode() if home.gone and draw(st.booleans()) else b""
    )
    return home
