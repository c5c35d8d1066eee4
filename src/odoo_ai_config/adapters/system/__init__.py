"""
What only the machine can tell: the time, fresh identifiers, files beside the store.
"""
