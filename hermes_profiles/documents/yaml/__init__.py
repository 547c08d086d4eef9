"""YAML files: the document, its parser and its edits."""
