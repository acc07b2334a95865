"""Tables: CSV, JSONL and Parquet, opened strictly and queried through DuckDB."""
