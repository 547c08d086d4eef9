"""Alerts: where falls and recoveries of gateways are sent, the rules of it, delivery without loss."""
