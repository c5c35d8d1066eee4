"""
Conversations with people in them.
"""
