"""Finds and redacts known values in any text, in any of their spellings. Pure."""
