"""
Status of the hub over HTTP, without a key.
"""
