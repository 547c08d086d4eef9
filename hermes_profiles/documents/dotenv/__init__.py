"""`.env` files: the lossless document, its readers and its repairs."""
