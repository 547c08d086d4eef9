"""The settings of channels: where they are, what reaches them from outside, and the ports they claim. Pure."""
