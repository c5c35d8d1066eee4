"""
Finds the program ``odoo-ai-config`` for the scripts beside this module, and becomes it.

Any Python 3 can import it: the work is done in the environment that the project is installed in.
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - any Python 3


def become(*arguments: str) -> None:
    """
    Go on as ``odoo-ai-config`` with *arguments*, in the project's folder.

    It is that of ``.venv``, which ``make run`` makes, or else of the environment that the
    script runs in.
    """
    for folder in (os.path.join(ROOT, ".venv", "bin"), os.path.dirname(sys.executable)):  # noqa: PTH118, PTH120
        program = os.path.join(folder, "odoo-ai-config")  # noqa: PTH118
        if os.access(program, os.X_OK):
            # The data folder, the logs and .env are looked for in the working folder.
            os.chdir(ROOT)
            os.execv(program, [program, *arguments])  # noqa: S606 - no shell is wanted
    sys.exit("Falta o ambiente do projeto; execute antes, na raiz dele: make run")
