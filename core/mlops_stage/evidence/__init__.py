"""Digests, paths that cannot escape, and the masking of small counts."""
