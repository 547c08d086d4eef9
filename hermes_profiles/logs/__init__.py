"""The logs of all gateways as one stream."""
