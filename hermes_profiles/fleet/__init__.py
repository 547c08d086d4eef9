"""The fleet: what is true about the gateways of a root."""
