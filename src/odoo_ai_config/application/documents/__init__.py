"""
Use cases for documents.
"""
