"""Places: Hermes roots on this machine, on other hosts and in clusters, and the programs that reach them."""
