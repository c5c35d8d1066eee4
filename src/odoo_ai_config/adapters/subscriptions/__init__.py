"""
Endpoints of subscriptions.
"""
