"""The command `hermes-profiles demo`."""
