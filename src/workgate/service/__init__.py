"""The use cases: load, decide, commit conditionally, record."""
