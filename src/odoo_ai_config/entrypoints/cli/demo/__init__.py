"""
A hub to try on one machine, with a fake Chatwoot and a crew.
"""
