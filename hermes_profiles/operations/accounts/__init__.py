"""Use cases of accounts: connect a profile to a channel, and ask the platform which account that is."""
