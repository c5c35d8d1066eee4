"""
Odoo's events.
"""
