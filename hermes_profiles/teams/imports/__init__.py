"""Import of accounts into a team from OpenClaw, Hermes, CSV and JSON."""
