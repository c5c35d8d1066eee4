"""
Conversations in Chatwoot, in which people and the AI must not talk over each other.
"""
