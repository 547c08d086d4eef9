"""launchd agents: rendering, the manager, its output."""
