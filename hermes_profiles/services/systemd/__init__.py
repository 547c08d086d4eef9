"""systemd user units: rendering, the manager, its output."""
