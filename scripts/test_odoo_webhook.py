#!/usr/bin/env python3
"""
Send a running hub the events that Odoo would send.

    python scripts/test_odoo_webhook.py --type credentials --account-id 123456
    python scripts/test_odoo_webhook.py --type mapping --account-id 123456
    python scripts/test_odoo_webhook.py --type metadata --account-id 123456

Any Python 3 can run it: it calls ``odoo-ai-config send`` in the project's environment, which
``make run`` creates, and passes all other options on; ``--type credentials --help`` lists them.
"""

from __future__ import annotations

import argparse
import os
import sys

from hub_program import become

TYPES = ("credentials", "mapping", "metadata")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Envia a um servidor no ar os eventos que o Odoo enviaria.",
        epilog="As demais opções são as de: odoo-ai-config send TIPO --help",
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("--type", choices=TYPES, help="tipo do evento")
    parser.add_argument("--file", type=os.path.abspath, help="arquivo JSON a enviar")
    parser.add_argument("--help", "-h", action="store_true", help="mostra esta ajuda")
    chosen, rest = parser.parse_known_args()
    if chosen.type is None:
        parser.print_help()
        sys.exit(0 if chosen.help else 2)
    if chosen.file is not None:
        rest += ["--file", chosen.file]
    if chosen.help:
        rest.append("--help")
    become("send", chosen.type, *rest)


if __name__ == "__main__":
    main()
