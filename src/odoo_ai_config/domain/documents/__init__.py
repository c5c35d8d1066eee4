"""
Documents of tenants: what they hold, their revisions, and how events change them.
"""
