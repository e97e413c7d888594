"""Workgate: an OAuth2 server, client library and stand-in compatible with Adobe Workfront."""

__version__ = "0.1.0"
