"""Names, paths, secrets and results that every other package may use. Pure."""
