"""A `.env` file and edits of it that change no other byte. Pure.

An entry exists when any of Hermes' three readers sees it (see `readers`). The result of every edit is parsed again;
an edit is refused when its result does not contain exactly the requested entries.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from hermes_profiles.documents.text import Decoded, TextDocument, TextEdit, decode_loose
from hermes_profiles.hermes.files import ENV_FILE
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .encodings import check_readings
from .entries import EnvEntry, EnvReading, read_entries
from .readers import ODD_BREAKS, interpolate

__all__ = ["EnvDocument", "EnvEntry", "quoted"]

_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMENT_INSIDE = lazy_pattern(r"\s#")
_INTERPOLATES = lazy_pattern(r"\$\{[^}:]*(?::-[^}]*)?\}")
DISAGREE = "readers disagree about this line: for one it is an entry, for another part of a value"
DISAGREE_HINT = "write the multi-line value on one line (with \\n), or put the entries on lines of their own"


def quoted(value: str) -> str | None:
    """Return the value, quoted where needed, so that all three readers read it back; None when that is impossible.

    Impossible: `${NAME}` (python-dotenv interpolates it in any quotes), line breaks, backslashes that need quotes.
    """
    is_odd = not value.isprintable() and ODD_BREAKS.search(value) is not None
    if is_odd or any(c in value for c in "\n\r\0") or _INTERPOLATES.search(value):
        return None
    bare = value == value.strip() and not _COMMENT_INSIDE.search(value)
    if bare and not value.startswith(("'", '"', "#")):
        return value
    if "\\" in value:
        return None
    quote = "'" if "'" not in value else '"'
    return None if quote in value else f"{quote}{value}{quote}"


class EnvDocument(TextDocument):
    """A parsed `.env`. `entries` are in file order, commented entries included."""

    __slots__ = ("_known", "_last", "_lines_view", "_plain", "entries")

    def __init__(self, path: str, raw: bytes, decoded: Decoded, known_keys: Collection[str] = ()) -> None:
        super().__init__(path, raw, decoded)
        check_readings(path, raw, self.text, decoded.codec, known_keys)
        self._known = known_keys
        reading: EnvReading = read_entries(self, known_keys)
        self.entries = reading.entries
        self._last: dict[str, EnvEntry] | None = None
        self._plain = reading.plain
        self._lines_view = reading.lines

    @classmethod
    def parse(cls, raw: bytes, *, path: str = ENV_FILE, known_keys: Collection[str] = ()) -> EnvDocument:
        """Return the document of a file. `known_keys` are the names at which Hermes splits joined lines.

        Raises DocumentError for UTF-32, an open quote, and a line with `=` that python-dotenv cannot parse.
        """
        return cls(path, raw, decode_loose(path, raw), known_keys)

    def names(self) -> frozenset[str]:
        """Return the names that at least one reader sees."""
        return frozenset(entry.name for entry in self.entries if not entry.commented)

    def get(self, name: str) -> EnvEntry | None:
        """Return the effective entry (the last one of that name), or None."""
        if self._last is None:
            self._last = {entry.name: entry for entry in self.entries if not entry.commented}
        return self._last.get(name)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that the gateway sets at its start, interpolated with `base`."""
        seen: dict[str, str | None] = dict(base or {})
        found: dict[str, str] = {}
        for name, literal in self._plain:
            seen[name] = interpolate(literal, seen) if literal is not None else None
            # A later bare `NAME` removes the value that python-dotenv had for it.
            found.pop(name, None)
            if (value := seen[name]) is not None:
                found[name] = value
        return found

    def line_environment(self) -> dict[str, str]:
        """Return the variables that the menus and `hermes status` see."""
        return dict(self._lines_view)

    def edit(
        self,
        *,
        remove: Iterable[EnvEntry] = (),
        set_values: Mapping[EnvEntry, str] | None = None,
        append: Iterable[tuple[str, str]] = (),
        text_edits: Iterable[TextEdit] = (),
    ) -> bytes:
        """Return the bytes after the edit.

        `set_values` drops a comment behind the value, because the line readers take it for a part of the value. Text
        edits inside a removed entry are ignored. Raises DocumentError when the result would not read back as requested.
        """
        cuts = {id(entry): entry for entry in remove}
        values = {id(entry): value for entry, value in (set_values or {}).items() if id(entry) not in cuts}
        new = list(append)
        edits = list(self._cuts(cuts))
        gone = tuple(edits)
        edits += [
            TextEdit(entry.value_start, entry.rest_end, self._quoted(entry.line, entry.name, values[id(entry)]))
            for entry in self.entries
            if id(entry) in values
        ]
        touched = [one for one in text_edits if not any(c.start <= one.start and one.end <= c.end for c in gone)]
        edits += touched
        if new:
            edits.append(self._appended(new))
        if not edits:
            return self.raw
        result = self.apply(edits)
        self._verify(result, cuts, values, new, touched)
        return result

    def _cuts(self, cuts: Mapping[int, EnvEntry]) -> Iterator[TextEdit]:
        """Yield the removals; a joined line that loses all its entries is removed with its line end."""
        staying = [entry for entry in self.entries if id(entry) not in cuts]
        for entry in cuts.values():
            for other in staying:
                if entry.start < other.end and other.start < entry.end:
                    inner = max(entry, other, key=lambda one: one.start)
                    raise DocumentError(self.path, inner.line, DISAGREE, hint=DISAGREE_HINT)
            start, end = entry.start, entry.end
            if entry.joined:
                line = [one for one in cuts.values() if one.joined and one.line == entry.line]
                whole = "".join(self.text[one.start : one.end] for one in sorted(line, key=lambda one: one.start))
                line_start, content_end, line_end = self._line_frame(entry.start)
                if whole.strip() == self.text[line_start:content_end].strip():
                    start, end = line_start, line_end
            yield TextEdit(start, end, "")

    def _line_frame(self, offset: int) -> tuple[int, int, int]:
        start = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1
        match = re.compile(r"[^\r\n]*").match(self.text, offset)
        content_end = match.end() if match else offset
        after = re.compile(r"\r\n|\n|\r|").match(self.text, content_end)
        return start, content_end, after.end() if after else content_end

    def _quoted(self, line: int | None, name: str, value: str) -> str:
        text = quoted(value)
        if text is None:
            raise DocumentError(
                self.path,
                line,
                f"the new value of {name} cannot be written so that every reader sees it",
                hint="choose a value without line breaks, `${…}` and mixed quotes",
            )
        return text

    def _appended(self, new: Iterable[tuple[str, str]]) -> TextEdit:
        style = self.line_end_style()
        text = style if self.text and not self.text.endswith(("\n", "\r")) else ""
        for name, value in new:
            if _NAME.fullmatch(name) is None:
                raise DocumentError(self.path, None, f"{name!r} is not a name for a variable")
            text += f"{name}={self._quoted(None, name, value)}{style}"
        return TextEdit(len(self.text), len(self.text), text)

    def _verify(
        self,
        result: bytes,
        cuts: Mapping[int, EnvEntry],
        values: Mapping[int, str],
        new: Iterable[tuple[str, str]],
        touched: list[TextEdit],
    ) -> None:
        """Raise DocumentError unless the result contains exactly the requested entries."""
        after = EnvDocument.parse(result, path=self.path, known_keys=self._known)
        wanted: list[tuple[str, int | None, tuple[str, str] | None]] = []
        for entry in self.entries:
            if id(entry) in cuts or (entry.commented and touched):
                continue
            if any(one.start < entry.end and entry.start < one.end for one in touched):
                wanted.append((entry.name, entry.line, None))
            elif id(entry) in values:
                value = values[id(entry)]
                wanted.append((entry.name, entry.line, (value, value)))
            else:
                wanted.append((entry.name, entry.line, (entry.literal, entry.line_value)))
        wanted += [(name, None, (value, value)) for name, value in new]
        found = [entry for entry in after.entries if not (entry.commented and touched)]
        for (name, line, pair), entry in zip(wanted, found, strict=False):
            if name != entry.name or (pair is not None and pair != (entry.literal, entry.line_value)):
                raise self._uncertain(line, name)
        if len(wanted) != len(found):
            raise self._uncertain(None, "the last entries")

    def _uncertain(self, line: int | None, name: str) -> DocumentError:
        return DocumentError(
            self.path,
            line,
            f"cannot be edited with certainty: {name} would not read as before",
            hint="put every entry on a line of its own, then try again",
        )
