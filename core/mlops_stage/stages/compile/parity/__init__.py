"""Whether a compiled model still answers as its source does: the rows to ask, and how near is near enough."""
