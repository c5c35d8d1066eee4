#!/usr/bin/env python3
"""
Start the unified server: Odoo's events, Chatwoot's webhook and the Odoo API on one port.

    ./scripts/start_unified_server.py

It is ``odoo-ai-config serve`` in the project's folder: the port is that of SERVER_PORT (8000),
options are passed on, Ctrl+C stops it.
"""

from __future__ import annotations

import sys

from hub_program import become

if __name__ == "__main__":
    become("serve", *sys.argv[1:])
