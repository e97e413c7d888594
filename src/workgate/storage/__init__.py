"""The stores over SQL: one text of statements, an engine for each database."""
