"""The key ring, derived tokens and signed tickets. Pure computation: no I/O, no clock of its own."""
