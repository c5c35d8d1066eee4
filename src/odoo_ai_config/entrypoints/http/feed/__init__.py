"""
The feed over HTTP.
"""
