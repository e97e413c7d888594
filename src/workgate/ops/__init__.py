"""What operators need: settings, logs and the audit log."""
