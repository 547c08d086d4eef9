"""The checks, a file for each family: facts → findings. Pure."""
