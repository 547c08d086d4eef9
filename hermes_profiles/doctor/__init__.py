"""What is wrong with the profiles of a root, and how it is mended: facts → findings → repairs → facts again."""
