"""The command line. Its words and outputs are a contract (DESIGN.md §6)."""
