"""
The server as one process or several.
"""
