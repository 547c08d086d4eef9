"""The two commands: thin Typer adapters, and the one printer."""
