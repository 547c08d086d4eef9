"""Shell completion: the command tree, candidates, scripts."""
