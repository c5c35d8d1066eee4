"""
Subscriptions over HTTP.
"""
