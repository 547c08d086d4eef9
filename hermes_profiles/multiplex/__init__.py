"""The run mode in which one gateway serves all profiles."""
