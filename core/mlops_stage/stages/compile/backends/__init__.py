"""Compile backends: what one is, ours, and those of plugins."""
