"""Alerts: where the user is told of falls and recoveries of gateways, the rules of it, delivery without loss."""
