"""
What `doctor` checks.
"""
