"""A contract of the Open Data Contract Standard: read with its lines, checked against the standard and the table, and turned into rules."""
