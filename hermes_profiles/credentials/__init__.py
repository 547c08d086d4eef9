"""What is an identity, where it can hide, and what a clone does about it. Pure."""
