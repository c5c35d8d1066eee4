"""
Messages over HTTP.
"""
