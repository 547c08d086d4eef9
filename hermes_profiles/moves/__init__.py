"""A move of profiles between places: what each side does, in which order, and how all of it is taken back."""
