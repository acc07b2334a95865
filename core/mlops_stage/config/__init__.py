"""mlops.yaml: reading it, deciding which value wins, and writing a first one."""
