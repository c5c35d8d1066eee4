"""
Documents over HTTP.
"""
