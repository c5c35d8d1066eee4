"""
Chatwoot over HTTP.
"""
