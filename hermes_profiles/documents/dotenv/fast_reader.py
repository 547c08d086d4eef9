"""A fast reader of plain `.env` files, for commands that list a thousand profiles. Only `re` is imported."""

from __future__ import annotations

from hermes_profiles.model.patterns import lazy_pattern

# One `NAME=value`: the value is bare (no quote, #, $, backslash) or in one pair of quotes. Only printable ASCII,
# which excludes unusual white space and line breaks.
_ENTRY = lazy_pattern(
    r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)="
    r"(?:([!%&(-\[\]-~](?:[ !%&(-\[\]-~]*[!%&(-\[\]-~])?)?|\"([ !#%-\[\]-~]*)\"|'([ -#%&(-\[\]-~]*)')"
)
# `A_KEY=xB_TOKEN=y`, behind its first `=`: only the full reader knows which names split a line. A match begins where a
# run of these characters does: from each character of the run, a value of 1 MB would take hours.
_JOINED = lazy_pattern(r"(?<![A-Z0-9_])[0-9_]*[A-Z][A-Z0-9_]{2,}=")


def read_simple_env(raw: bytes) -> dict[str, str] | None:
    """Return {name: value} as `EnvDocument.environment()` would, or None when the file is not plain.

    For None the caller parses the file with EnvDocument. A plain file is UTF-8 with `\\n` line ends, one
    `NAME=value` a line, comments and simple quotes.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\r" in text or "\0" in text:
        return None
    found: dict[str, str] = {}
    match_entry = _ENTRY.fullmatch
    for line in text.split("\n"):
        if not line or line[0] == "#":
            continue
        match = match_entry(line)
        if match is None or (line.count("=") > 1 and _JOINED.search(line, line.index("=") + 1)):
            return None
        name, bare, double, single = match.groups()
        found[name] = bare or double or single or ""
    return found
