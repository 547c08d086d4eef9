"""Teams: a lead profile and members that share its core."""
