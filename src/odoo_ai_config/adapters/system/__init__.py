"""
What only the machine can tell: the time, fresh identifiers, log files.
"""
