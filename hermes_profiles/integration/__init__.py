"""Integration with the `hermes` command."""
