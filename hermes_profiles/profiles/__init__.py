"""Profiles of a root: finding them, and the plans that make, clone, rename and delete them."""
