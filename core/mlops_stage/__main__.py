"""`python -m mlops_stage`."""

from mlops_stage.cli import main

main()
