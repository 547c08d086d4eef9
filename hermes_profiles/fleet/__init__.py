"""The fleet: status, start, stop and installation of all gateways of a root."""
