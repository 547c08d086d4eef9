"""`python -m hermes_profiles.cli`: the same as the command `hermes-profiles`."""

from .profiles import main

main()
