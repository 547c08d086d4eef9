"""Moves of profiles to another place."""
