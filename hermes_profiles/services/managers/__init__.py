"""Module paths that installed supervisord configurations name; the code is in services/supervisor/."""
