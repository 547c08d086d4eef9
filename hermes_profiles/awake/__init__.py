"""Keeps the computer awake while a gateway runs."""
