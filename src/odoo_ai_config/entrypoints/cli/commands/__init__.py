"""
One module per command.
"""
