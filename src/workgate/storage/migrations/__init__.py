"""Alembic's folder: one revision a file under ``versions``."""
