"""One gateway that serves several profiles: its record, its socket, and which profiles it serves."""
