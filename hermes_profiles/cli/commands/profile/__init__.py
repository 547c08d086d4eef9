"""The commands of `hermes-profiles`."""
