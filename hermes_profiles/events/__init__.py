"""Changes of state of gateways and channels: snapshots, the events between two of them, the log of events."""
