"""
The source, for tests that read it as text.
"""

from __future__ import annotations

import ast
import gc
import importlib
import pkgutil
from functools import lru_cache
from itertools import chain
from pathlib import Path

from odoo_ai_config import domain
from odoo_ai_config.domain.errors import DomainError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "odoo_ai_config"
TESTS = ROOT / "tests"


# The last folder only: its trees are large, and the tests of one folder follow each other.
@lru_cache(maxsize=1)
def modules(folder: Path) -> tuple[tuple[str, ast.Module], ...]:
    """
    Path and syntax tree of every module of *folder*.
    """
    # None of it is garbage, and looking for some among it takes longer than the rest.
    gc.disable()
    try:
        return tuple(
            (path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
            for path in sorted(folder.rglob("*.py"))
        )
    finally:
        gc.enable()


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
