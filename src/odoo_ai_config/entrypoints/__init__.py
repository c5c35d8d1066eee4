"""
The driving side: HTTP, the library facade and the command line.
"""
