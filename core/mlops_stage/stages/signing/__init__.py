"""Stages `sign` and `verify`: who said so, and does it still hold."""
