"""
The Model Context Protocol: what the hub offers to AI clients as tools.
"""
