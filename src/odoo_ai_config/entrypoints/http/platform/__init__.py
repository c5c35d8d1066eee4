"""
What all resources of the HTTP interface share.
"""
