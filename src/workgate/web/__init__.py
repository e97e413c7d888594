"""The OAuth endpoints and the pages. HTTP ends here."""
