"""The two commands: thin Typer adapters, and the one printer."""

import gc

# A command lives for a tenth of a second and keeps nearly all it makes: rarer collections save a twentieth of it.
gc.set_threshold(500_000, 20, 50)
