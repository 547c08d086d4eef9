"""Names, places, secrets and results: values that every other room may use. Pure."""
