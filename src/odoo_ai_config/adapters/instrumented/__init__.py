"""
Ports that time what they are asked.
"""
