from __future__ import annotations

import re

from tests.source_tree import PACKAGE, ROOT, TESTS

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
TREE = re.search(r"^```text\nsrc/odoo_ai_config/\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_every_module_that_is_named_exists() -> None:
    modules = [path.as_posix() for folder in (PACKAGE, TESTS) for path in folder.rglob("*.py")]
    named = set(re.findall(r"[\w/]*\w\.py\b", PAGE))
    assert {
        name for name in named if not any(module.endswith(f"/{name}") for module in modules)
    } == set()


def test_tree_names_every_package_and_every_module_beside_packages() -> None:
    assert TREE is not None
    tree = TREE[1]
    packages = [path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    missing = [path.name for path in packages if f"{path.name}/" not in tree]
    for layer in ("domain", "application", "entrypoints"):
        modules = (path.name for path in (PACKAGE / layer).glob("*.py"))
        missing += [name for name in modules if name != "__init__.py" and name not in tree]
    ports = (PACKAGE / "application" / "ports").glob("*.py")
    missing += [p.stem for p in ports if p.stem != "__init__" and p.stem not in tree]
    assert missing == []
