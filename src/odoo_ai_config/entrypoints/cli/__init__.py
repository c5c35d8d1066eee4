"""
The command line, in Portuguese: the program ``odoo-ai-config`` runs `main`.
"""

from __future__ import annotations

from odoo_ai_config.entrypoints.cli.program import main

__all__ = ["main"]
