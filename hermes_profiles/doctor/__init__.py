"""Finds faults in the profiles of a root and plans repairs: probes → facts → checks → findings → plan."""
