"""
Use cases for the hub's Chatwoot accounts.
"""
