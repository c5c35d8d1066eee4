"""
Adapters to crews within this process, and the choice between the ways to a crew.
"""
