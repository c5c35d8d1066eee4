"""
Sealed credentials over HTTP.
"""
