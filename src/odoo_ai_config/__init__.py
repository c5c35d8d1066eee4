"""
The hub that validates, seals, versions and serves what Odoo says of its tenants.

Nothing is imported here, so that importing the domain alone stays cheap; start from
`odoo_ai_config.entrypoints.library`.
"""

__version__ = "0.1.0"
