"""The Hermes plugin as a folder of a profile, for installations that take no packages."""
