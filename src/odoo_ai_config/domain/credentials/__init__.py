"""
Secrets: what is one, how it is kept, and how requests are signed.
"""
