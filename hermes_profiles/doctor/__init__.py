"""Finds faults in the profiles of a root and plans their repair: probes → facts → checks → findings → fix plan."""
