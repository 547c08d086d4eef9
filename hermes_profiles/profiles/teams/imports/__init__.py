"""Bringing accounts in from elsewhere: readers of what others keep. They look, and leave everything as it is."""
