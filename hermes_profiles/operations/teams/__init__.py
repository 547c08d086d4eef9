"""Use cases of teams: create, add and remove members, share settings with them, log them in."""
