"""
What the hub says of itself without a key.
"""
