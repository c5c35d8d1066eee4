"""
The source, for tests that read it as text.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from odoo_ai_config import domain
from odoo_ai_config.domain.errors import DomainError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "odoo_ai_config"
TESTS = ROOT / "tests"


def modules(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def dotted_names() -> list[str]:
    """
    Every importable name of the package, packages included.
    """
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def domain_errors() -> list[type[DomainError]]:
    """
    Every refusal of the domain, in any module.
    """
    modules = pkgutil.walk_packages(domain.__path__, f"{domain.__name__}.")
    classes = chain.from_iterable(
        vars(importlib.import_module(module.name)).values() for module in modules
    )
    found = {one for one in classes if isinstance(one, type) and issubclass(one, DomainError)}
    return sorted(found - {DomainError}, key=lambda error: error.__name__)
