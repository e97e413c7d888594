"""Measurements: what a request costs, beside a bare answer of the same web server in the same run."""
