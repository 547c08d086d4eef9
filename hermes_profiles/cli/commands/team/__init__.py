"""The commands of `hermes-profiles team`."""
