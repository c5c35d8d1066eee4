"""
Ports over one SQLite file, the store that needs nothing installed.
"""
