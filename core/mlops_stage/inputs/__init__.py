"""What comes from outside: tables, models and predictions, each read strictly and never trusted."""
