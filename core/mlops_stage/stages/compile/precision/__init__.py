"""Variants of fewer bits: half precision and integers."""
