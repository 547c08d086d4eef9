"""`.env`, YAML and JSON documents: reading as Hermes does, and edits that change no other byte. Pure."""
