"""Identity providers for the tests: one that says what a test tells it to, and real ones of other projects."""
