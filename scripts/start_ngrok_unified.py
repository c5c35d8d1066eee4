#!/usr/bin/env python3
"""
Open an ngrok tunnel to the unified server, and show what to change elsewhere.

    ./scripts/start_ngrok_unified.py

It is ``odoo-ai-config tunnel`` in the project's folder: the token is NGROK_AUTHTOKEN, in the
environment or in .env; the port is that of SERVER_PORT (8000); Ctrl+C closes the tunnel.
"""

from __future__ import annotations

import sys

from hub_program import become

if __name__ == "__main__":
    become("tunnel", *sys.argv[1:])
