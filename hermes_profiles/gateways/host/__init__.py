"""One gateway that serves several profiles: its record, its socket, and whom it serves."""
