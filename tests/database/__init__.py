"""Real databases and proxies for the tests: started from the system's packages, private, gone afterwards."""
