"""Teams: light profiles that share what one profile can do, each with an account of its own."""
