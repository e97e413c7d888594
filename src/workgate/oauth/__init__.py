"""The protocol as pure functions over values: what comes in, what is decided, what goes out."""
