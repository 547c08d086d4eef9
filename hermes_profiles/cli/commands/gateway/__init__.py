"""The commands of `hermes-gateways`."""
