"""Identities that several profiles share: who keeps a channel, and the masks of the others."""
