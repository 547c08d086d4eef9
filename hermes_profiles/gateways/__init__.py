"""One gateway: its process, files, health and resolved state."""
