"""The shim: a `hermes` on PATH that adds our commands."""
