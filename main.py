"""
Start the unified server: ``python main.py``, as for the replaced service.

It is ``scripts/start_unified_server.py``, with the same options.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - any Python 3
    script = os.path.join(folder, "scripts", "start_unified_server.py")  # noqa: PTH118
    os.execv(sys.executable, [sys.executable, script, *sys.argv[1:]])  # noqa: S606 - no shell is wanted
