"""Values and typed identifiers that every layer shares. Standard library only, no I/O."""
