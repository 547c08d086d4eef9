"""Accounts of channels: the variables they need, the form of their secrets, their name at the platform."""
