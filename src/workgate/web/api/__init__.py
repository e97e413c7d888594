"""The admin API: applications, their secrets, keys and connections, and the audit log, as JSON."""

ADMIN_PATH = "/integrations/oauth2/api/v1/admin"
"""Below it the admin API lives."""
