"""
Use cases for sealed values and for the keys that seal them.
"""
