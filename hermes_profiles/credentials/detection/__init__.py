"""Detects secrets that are not known: by a published form, by the name, by how generated a value looks. Pure."""
