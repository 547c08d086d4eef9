"""The catalogue: channels, keys and files, as data."""
