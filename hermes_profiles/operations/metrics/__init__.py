"""Metrics of a fleet for Prometheus: their names, their values, their text, and a server for them."""
