"""Variants of fewer bits: half precision, integers, and the rows that integers are calibrated with."""
