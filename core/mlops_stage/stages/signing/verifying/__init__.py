"""Verification: what a bundle says, who says it, since when, and of which files."""
