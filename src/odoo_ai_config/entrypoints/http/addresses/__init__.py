"""
Secret addresses over HTTP.
"""
