"""
Reconciliation over HTTP.
"""
