"""YAML files: the lossless document, its parser and its edits."""
