"""Use cases: one module each; returns a result, never prints."""
