"""Use cases of more than one machine: places, what they answer, and the files of a Kubernetes place."""
