"""Applies edits to documents: returns the new bytes, and checks that no removed value is left in them. Pure."""

from __future__ import annotations

import codecs

from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError

from .edits import EnvEdits, TreeEdits
from .search.value_index import ValueIndex


def rewrite_env(document: EnvDocument, edits: EnvEdits, values: ValueIndex) -> bytes:
    """Return the environment file after the edits.

    Raises DocumentError when an edit cannot be made with certainty, or when a removed value would be left.
    """
    content = document.edit(remove=edits.remove, set_values=edits.replace, append=edits.append, text_edits=edits.redact)
    if document.encoding == "utf-8-sig" and content != document.raw:
        # The byte order mark becomes a part of the first name where Hermes finds no line to repair, and a removal can
        # take the last such line: the gateway would lose its first variable.
        content = content.removeprefix(codecs.BOM_UTF8)
    _check_clean(content, values, document.path)
    return content


def rewrite_tree(document: YamlDocument | JsonDocument, edits: TreeEdits, values: ValueIndex) -> bytes:
    """Return the YAML or JSON document after the edits.

    Raises DocumentError when an edit cannot be made with certainty, or when a removed value would be left.
    """
    if isinstance(document, YamlDocument):
        content = document.edit(
            remove=edits.remove, replace=edits.replace, insert=edits.insert, text_edits=edits.redact
        )
    else:
        content = document.edit(remove=edits.remove, replace=edits.replace, insert=edits.insert)
    _check_clean(content, values, document.path)
    return content


def _check_clean(content: bytes, values: ValueIndex, path: str) -> None:
    """Raise DocumentError when a removed secret is still in the bytes; a model can be on the host of a channel."""
    values = values.secrets
    left = values.names_in(content)
    if left:
        line = next((number for number, text in enumerate(content.splitlines(), 1) if values.names_in(text)), None)
        raise DocumentError(
            path,
            line,
            f"cannot remove the value of {left[0]} with certainty",
            hint="take it out of the file, or leave the file behind with `--skip-unreadable`",
        )
