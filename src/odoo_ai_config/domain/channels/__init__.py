"""
Chatwoot channels: whose they are, and where their messages go.
"""
