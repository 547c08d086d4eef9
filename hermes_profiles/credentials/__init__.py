"""Finds identities in the files of a profile, and decides what a clone does with them. Pure."""
