"""
Conversations over HTTP, and the pauses of the AI.
"""
