"""The multiplex run mode: one gateway, the multiplexer, serves all profiles."""
