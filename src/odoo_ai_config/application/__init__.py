"""
What the hub can be asked to do, and what it needs from the world to do it.
"""
