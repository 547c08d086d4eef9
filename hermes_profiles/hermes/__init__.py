"""Facts about Hermes Agent that this program relies on: names, numbers and rules, each with its source file.

Pure data; this package imports nothing else of the project. The facts hold for hermes-agent 0.19.0 (`version.BASE`).
A fact that another version changes is a field of `version.VersionFacts`, with one value for each version.
The channels and their variables are data of their own: see `credentials/catalog`.
"""
