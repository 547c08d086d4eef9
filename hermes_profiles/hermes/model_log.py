"""What an agent logs when its model provider refuses the key. Hermes 0.19.0."""

from __future__ import annotations

# agent/conversation_loop.py: after it, the message of the user has no answer. The group is the status of the provider.
REFUSED_KEY = rb"Non-retryable client error: [^\n]*?\b(401|403)\b"
REFUSED_KEY_SOURCE = "agent/conversation_loop.py"
REFUSED_KEY_WORDS = "Non-retryable client error: "
