"""Ways to find out who somebody is."""
