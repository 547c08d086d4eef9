"""Generated YAML documents in handwritten styles."""

from __future__ import annotations

from hypothesis import strategies as st

KEYS = st.sampled_from(["a", "b", "token", "enabled", "Key_2", '"q k"', "'on'", "7", "x-y", "yes"])
PLAIN = st.sampled_from(
    ["x", "CANARY", "yes", "off", "null", "~", "12", "0x1F", "1.5", "a b", "a#b", "12:30", "2001-01-02", "-1", "é😀",
     "${X}", "'it''s'", "'# no'", '"a\\nb"', '"x: y"', "''", "!!str 5"]
)  # fmt: skip
COMMENT = st.sampled_from(["", "", "", "  # note", " # CANARY: [x"])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Return the bytes of a valid document."""
    counter = [0]
    anchors: list[tuple[str, str]] = []

    def flow(depth: int) -> str:
        kind = draw(st.sampled_from("smq" if depth < 2 else "s"))
        if kind == "s":
            return str(draw(PLAIN.filter(lambda text: "!!" not in text and "$" not in text)))
        if kind == "m":
            parts = [f"{k}: {flow(depth + 1)}" for k in draw(st.lists(KEYS, max_size=3, unique=True))]
            return "{" + ", ".join(parts) + "}"
        return "[" + ", ".join(flow(depth + 1) for _ in range(draw(st.integers(0, 3)))) + "]"

    def anchor(kind: str) -> str:
        if draw(st.integers(0, 4)):
            return ""
        counter[0] += 1
        anchors.append((f"n{counter[0]}", kind))
        return f"&n{counter[0]} "

    def noise(indent: str) -> list[str]:
        return list(draw(st.sampled_from([[], [], [], [""], [f"{indent}# about"], ["# left", ""]])))

    def value(indent: str, depth: int, dash: bool) -> list[str]:
        """Return the text after a colon or dash: the rest of the line, and further lines."""
        kind = draw(st.sampled_from("sssnfblmmqa" if depth < 3 else "sssnfbla"))
        if kind == "a" and anchors:
            return [f" *{draw(st.sampled_from(anchors))[0]}"]
        if kind == "n":
            return [draw(COMMENT)]
        if kind == "f":
            return [" " + anchor_later("f", flow(0)) + draw(COMMENT)]
        if kind == "b":
            mark = draw(st.sampled_from(["|", ">", "|-", ">-", "|+"]))
            return [
                f" {mark}",
                f"{indent}  line # one",
                *draw(st.sampled_from([[], [f"{indent}  two"], ["", f"{indent}    3"]])),
                "",
            ]
        if kind == "l":
            return [' "first', f'{indent}  second"' + draw(COMMENT)]
        step = draw(st.sampled_from(["  ", "    "]))
        if kind == "m":
            name = f" {anchor('m')}".rstrip() if not dash or draw(st.booleans()) else ""
            lines = mapping(indent + step, depth + 1)
            if dash and not name and lines and lines[0].strip() and not lines[0].lstrip().startswith("#"):
                inner = len(lines[0]) - len(lines[0].lstrip())
                pad = " " * (inner - len(indent) - 1)
                return [pad + lines[0].lstrip(), *lines[1:]]
            return [name + draw(COMMENT), *lines]
        if kind == "q":
            inner = indent + draw(st.sampled_from(["", "  "])) if not dash else indent + "  "
            lines = []
            for _ in range(draw(st.integers(1, 3))):
                first, *rest = value(inner, depth + 1, True)
                lines += [*noise(inner), f"{inner}-{first}", *rest]
            return [draw(COMMENT), *lines]
        return [" " + anchor_later("s", draw(PLAIN)) + draw(COMMENT)]

    def anchor_later(kind: str, text: str) -> str:
        return anchor(kind) + text

    def mapping(indent: str, depth: int) -> list[str]:
        lines: list[str] = []
        bases = [name for name, kind in anchors if kind == "m" and name in closed]
        if bases and draw(st.integers(0, 2)) == 0:
            lines.append(f"{indent}<<: *{draw(st.sampled_from(bases))}")
        for key in draw(st.lists(KEYS, min_size=1, max_size=3, unique=True)):
            before = len(anchors)
            first, *rest = value(indent, depth, False)
            lines += [*noise(indent), f"{indent}{key}:{first}", *rest]
            closed.update(name for name, _ in anchors[before:])
        return lines

    closed: set[str] = set()
    lines = [
        *draw(st.sampled_from([[], ["---"], ["# top", ""]])),
        *mapping("", 0),
        *draw(st.sampled_from([[], ["# end"]])),
    ]
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = end.join(lines) + draw(st.sampled_from([end, ""]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()
