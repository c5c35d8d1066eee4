"""
Use cases for the mapping of channels and for routing.
"""
