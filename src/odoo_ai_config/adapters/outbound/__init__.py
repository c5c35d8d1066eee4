"""
Calls to other services: connections, answers, and where they may go.
"""
