"""The admin API: applications, their secrets, keys and connections, and the audit log, as JSON."""
