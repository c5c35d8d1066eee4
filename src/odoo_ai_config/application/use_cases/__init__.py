"""
One imperative per module: each joins a domain decision with the ports it needs.
"""
