"""Talking to launchctl, systemctl and supervisord: the only room that starts and signals processes."""
