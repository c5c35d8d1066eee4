"""
Imports the modules named as arguments and reports side effects.

Runs in a fresh interpreter, since imports are cached. Prints one JSON object: the loaded root
packages, and the side effects that start in our own modules. Side effects of third-party packages
do not count: between their code and ours there is always a frame of importlib.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from types import FrameType

OURS = os.sep + "odoo_ai_config" + os.sep
WATCHED = (
    "open",
    "os.chdir",
    "os.chmod",
    "os.listdir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.scandir",
    "os.system",
    "shutil.",
    "signal.",
    "socket.",
    "sqlite3.connect",
    "subprocess.Popen",
    "tempfile.",
    "urllib.Request",
)

effects: list[str] = []


def our_caller(frame: FrameType | None) -> str | None:
    while frame is not None and "importlib" not in frame.f_code.co_filename:
        if OURS in frame.f_code.co_filename:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def note(effect: str) -> None:
    if caller := our_caller(sys._getframe(2)):
        effects.append(f"{caller}: {effect}")


def audit(event: str, _arguments: tuple[object, ...]) -> None:
    if event.startswith(WATCHED):
        note(event)


def noting_environment(read: Callable[[object, str], str]) -> Callable[[object, str], str]:
    def noting(environment: object, key: str) -> str:
        note(f"read of the variable {key}")
        return read(environment, key)

    return noting


def main() -> None:
    environment = type(os.environ)
    environment.__getitem__ = noting_environment(environment.__getitem__)  # type: ignore[method-assign,arg-type]  # the only way to see a read
    sys.addaudithook(audit)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"loaded": loaded, "effects": effects}))  # noqa: T201  # the answer


if __name__ == "__main__":
    main()
