"""
API keys over HTTP.
"""
