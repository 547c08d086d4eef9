"""Cloning a profile without its identities: source, plan, report."""
