"""Searches packed files in bounded memory: archives, compressed files, git packs, office documents, databases. Pure."""
