"""
Messages from Chatwoot on their way to a crew and back.
"""
