"""
Ports kept in process memory, for tests and for trying things out.
"""
