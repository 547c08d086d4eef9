"""The switch between one gateway for each profile and one for all, and its undo."""
