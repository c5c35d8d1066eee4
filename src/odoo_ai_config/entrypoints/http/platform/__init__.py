"""
What every resource of the HTTP interface stands on.
"""
