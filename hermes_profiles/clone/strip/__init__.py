"""The same removal in place, in a profile that exists: used by repair."""
