"""Result data to lines of text."""
