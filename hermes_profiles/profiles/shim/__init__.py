"""The shim: a small `hermes` in front of the real one, and the lines that put its folder first on PATH."""
