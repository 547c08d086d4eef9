"""The bundled supervisord: rendering, the daemon, its client, the manager."""
