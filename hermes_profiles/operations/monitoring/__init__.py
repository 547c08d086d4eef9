"""Use cases for those who watch a fleet: the log of events, the watcher, alerts, probes of health."""
