"""Profiles in one file: the format, what goes into it, encryption, and the checks before it is taken in."""
