"""
Tenants over HTTP.
"""
