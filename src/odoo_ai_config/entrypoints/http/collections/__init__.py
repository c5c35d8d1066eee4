"""
Collections over HTTP.
"""
