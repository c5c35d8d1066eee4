"""
The command line as ``python -m odoo_ai_config.entrypoints.cli``, which starts workers.
"""

from __future__ import annotations

import sys

from odoo_ai_config.entrypoints.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
