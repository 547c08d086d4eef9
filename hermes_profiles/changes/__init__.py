"""Plans of file changes, their application, their journal and their undo: the only writer of files."""
