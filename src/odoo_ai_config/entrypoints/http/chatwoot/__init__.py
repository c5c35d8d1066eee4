"""
Chatwoot's webhook, and the hub's Chatwoot accounts over HTTP.
"""
