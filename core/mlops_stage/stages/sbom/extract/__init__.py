"""Readers of facts: files, locks, git and CI; none runs, imports or unpickles what it reads."""
