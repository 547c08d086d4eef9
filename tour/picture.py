"""Draw the real output of commands in a terminal as SVG, with Rich. The SVG loads nothing from elsewhere."""

from __future__ import annotations

import errno
import fcntl
import html
import io
import os
import re
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

from sandbox import Sandbox

WIDTH = 108
_HEIGHT = 40
_TIMEOUT = 120.0
_CELL = 12.2  # the width of a character in Rich's pictures
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FONTS = 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'
_FRAME = re.compile(rb"\x1b\[H|\x1b\[2J|\x1b\[\?1049[hl]")
_TEXT = re.compile(r'<text class="tour-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', re.DOTALL)


def film(sandbox: Sandbox, line: str, *, seconds: float = 0, keys: bytes = b"q") -> str:
    """Return the output of a shell line in a terminal, with its colours.

    With `seconds`, the line is a program that redraws: return its last complete screen after that time, then send
    `keys` to end it.
    """
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _HEIGHT, WIDTH, 0, 0))
    with subprocess.Popen(
        ["sh", "-c", line], env=sandbox.environment, cwd=sandbox.home, stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(slave)
        written = _read(master, until=time.monotonic() + (seconds or _TIMEOUT))
        if seconds:
            os.write(master, keys)
            _read(master, until=time.monotonic() + _TIMEOUT)
        process.wait(_TIMEOUT)
    os.close(master)
    frames = [frame for frame in _FRAME.split(written) if frame.strip()] if seconds else [written]
    # The last frame may be incomplete when the time is up.
    return (frames[-2] if len(frames) > 2 else frames[-1]).decode("utf-8", "replace").replace("\r\n", "\n").rstrip()


def _read(master: int, until: float) -> bytes:
    os.set_blocking(master, False)
    output = b""
    while time.monotonic() < until:
        try:
            chunk = os.read(master, 65536)
        except BlockingIOError:
            time.sleep(0.05)
            continue
        except OSError as error:  # Linux: the last writer has closed the terminal
            if error.errno != errno.EIO:
                raise
            break
        if not chunk:
            break
        output += chunk
    return output


def draw(title: str, shots: Sequence[tuple[str, str]], shown: Callable[[str], str]) -> str:
    """Return the SVG of commands and their output; its `desc` element has the same as plain text."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    for number, (command, written) in enumerate(shots):
        if number:
            console.print()
        console.print(Text.assemble(("$ ", "bold green"), (shown(command), "bold")))
        console.print(Text.from_ansi(shown(written)))
    plain = console.export_text(clear=False).rstrip()
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id="tour", code_format=_template())
    described = f"<title>{html.escape(title)}</title>\n<desc>\n{html.escape(_trimmed(plain))}\n</desc>\n"
    head, tag, rest = svg.partition(">")
    return head + tag + "\n" + described + _trimmed(rest).lstrip("\n") + "\n"


def _template() -> str:
    """Return Rich's SVG template without its web fonts."""
    from rich._export_format import CONSOLE_SVG_FORMAT

    plain = _FONT_FACE.sub("", CONSOLE_SVG_FORMAT.replace("{{", "{").replace("}}", "}"))
    plain = plain.replace("Fira Code, monospace", _FONTS).replace("font-family: arial", "font-family: sans-serif")
    doubled = plain.replace("{", "{{").replace("}", "}}")
    return re.sub(r"\{\{(\w+)\}\}", r"{\1}", doubled)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def text_of(svg: str) -> str:
    """Return the text that an SVG draws: its lines from top to bottom, each word in its column."""
    lines: dict[float, str] = {}
    for x, y, text in sorted(_TEXT.findall(svg), key=lambda match: (float(match[1]), float(match[0]))):
        before = lines.get(float(y), "").ljust(round(float(x) / _CELL))
        lines[float(y)] = before + html.unescape(text).replace("\xa0", " ").strip("\n")
    return _trimmed("\n".join(lines.values())).rstrip()
