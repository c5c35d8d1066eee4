"""
The addresses of Odoo's older modules.
"""
