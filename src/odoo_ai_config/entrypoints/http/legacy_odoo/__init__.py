"""
The endpoints of Odoo's older modules.
"""
