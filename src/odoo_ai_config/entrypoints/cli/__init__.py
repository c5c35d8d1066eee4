"""
The command line, in Portuguese: `main` is what the program ``odoo-ai-config`` runs.
"""

from __future__ import annotations

from odoo_ai_config.entrypoints.cli.program import main

__all__ = ["main"]
