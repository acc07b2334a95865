"""Pickles, which are programs: what they would import is read from their opcodes; none is ever loaded."""
