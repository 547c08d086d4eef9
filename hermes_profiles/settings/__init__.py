"""Settings and keys of profiles: read, compare, change, sync."""
