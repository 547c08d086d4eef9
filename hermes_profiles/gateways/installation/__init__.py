"""The installed Hermes: its code, its libraries, and what starts it."""
