from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import pytest

from tests.source_tree import dotted_names

PROBE = Path(__file__).with_name("import_probe.py")
HEAVY = {
    "aiohttp",
    "asyncio",
    "bson",
    "cattrs",
    "cryptography",
    "cyclopts",
    "dependency_injector",
    "dotenv",
    "environ",
    "logging",
    "motor",
    "prometheus_client",
    "pymongo",
    "rich",
    "ruamel",
    "sqlite3",
    "structlog",
}


class Report(TypedDict):
    loaded: list[str]
    effects: list[str]


def imported(names: list[str], *, folder: Path, python_path: str = "") -> Report:
    finished = subprocess.run(
        [sys.executable, "-B", str(PROBE), *names],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    report: Report = json.loads(finished.stdout)
    return report


def test_domain_loads_no_framework(tmp_path: Path) -> None:
    domain = [name for name in dotted_names() if name.startswith("odoo_ai_config.domain")]
    report = imported(domain, folder=tmp_path)
    assert set(report["loaded"]) & HEAVY == set()
    assert "odoo_ai_config" in report["loaded"]


def test_importing_any_module_only_defines_names(tmp_path: Path) -> None:
    names = [name for name in dotted_names() if not name.endswith("__main__")]
    report = imported(names, folder=tmp_path)
    assert report["effects"] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import os; os.environ['HOME']",
        "import os; os.environ.get('HOME')",
        "import os; os.getenv('HOME')",
        "open('var', 'w').close()",
        "from pathlib import Path; Path('var').mkdir()",
        "import sqlite3; sqlite3.connect(':memory:').close()",
        "from dotenv import load_dotenv; load_dotenv()",
    ],
)
def test_work_at_import_is_seen(statement: str, tmp_path: Path) -> None:
    package = tmp_path / "odoo_ai_config"
    package.mkdir()
    (package / "__init__.py").write_text(statement, encoding="utf-8")
    report = imported(["odoo_ai_config"], folder=tmp_path, python_path=str(tmp_path))
    assert report["effects"] != []
