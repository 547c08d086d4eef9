"""Backups of profiles: their files, how many are kept, the key that opens them, and the daily time."""
