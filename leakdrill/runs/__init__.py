"""Runs, read back from their folders: as rows, as a table, compared with one another, and cited."""
