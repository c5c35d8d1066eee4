"""
The mapping of channels and routing over HTTP.
"""
