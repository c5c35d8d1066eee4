"""
The rules of the hub: pure functions and frozen values, with no input or output.
"""
