"""
The roles that the outside world plays for the use cases, one protocol per module.
"""
