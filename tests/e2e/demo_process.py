"""
`odoo-ai-config demo` as users run it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from tests.e2e.hub_process import PROGRAM, environment

END = "Ctrl+C encerra."
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
KEY = re.compile(r"^export KEY=(\S+)$", re.MULTILINE)


@frozen
class DemoProcess:
    """
    A running demo.
    """

    process: subprocess.Popen[str]
    printed: str
    page: str
    hub: str
    key: str


@contextmanager
def demonstrating(folder: Path, **variables: str) -> Iterator[DemoProcess]:
    """
    A demo in *folder* on two free ports, from its last line until the end of the context.
    """
    with subprocess.Popen(
        [str(PROGRAM), "demo", "--port", "0"],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                if END in line:
                    page, hub = ADDRESS.findall(printed)
                    [key] = KEY.findall(printed)
                    yield DemoProcess(process, printed, page, hub, key)
                    return
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        finally:
            process.terminate()
