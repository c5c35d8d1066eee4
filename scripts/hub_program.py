"""
Finds the program ``odoo-ai-config`` for the scripts in this folder, and executes it.

Any Python 3 can import this module; the program runs in the environment of the project.
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - any Python 3


def become(*arguments: str) -> None:
    """
    Replace this process with ``odoo-ai-config`` and *arguments*, in the project's folder.

    The program is that of ``.venv``, which ``make run`` creates, or else of the environment in
    which the script runs.
    """
    for folder in (os.path.join(ROOT, ".venv", "bin"), os.path.dirname(sys.executable)):  # noqa: PTH118, PTH120
        program = os.path.join(folder, "odoo-ai-config")  # noqa: PTH118
        if os.access(program, os.X_OK):
            # The data folder, the logs and .env are relative to the working folder.
            os.chdir(ROOT)
            os.execv(program, [program, *arguments])  # noqa: S606 - no shell is wanted
    sys.exit("Falta o ambiente do projeto; execute antes, na raiz dele: make run")
