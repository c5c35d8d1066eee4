from __future__ import annotations

import sys

import grimp

# Modules of the standard library that wait, keep state, read the machine or are random. The
# contract of import-linter only forbids named modules; with this list the rest of the standard
# library is an allow-list.
IMPURE_STDLIB = frozenset(
    {
        "asyncio",
        "builtins",
        "concurrent",
        "ctypes",
        "getpass",
        "glob",
        "http",
        "importlib",
        "io",
        "locale",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "pickle",
        "platform",
        "queue",
        "random",
        "resource",
        "secrets",
        "select",
        "selectors",
        "shelve",
        "shutil",
        "signal",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
        "warnings",
        "weakref",
    }
)
ALLOWED = (sys.stdlib_module_names - IMPURE_STDLIB) | {"attr", "attrs"}


def external_imports_of(layer: str) -> set[str]:
    graph = grimp.build_graph("odoo_ai_config", include_external_packages=True, cache_dir=None)
    ours = {layer, *graph.find_descendants(layer)}
    return {
        imported
        for module in ours
        for imported in graph.find_modules_directly_imported_by(module)
        if graph.is_module_squashed(imported)
    }


def test_domain_imports_pure_standard_library_and_attrs_only() -> None:
    found = external_imports_of("odoo_ai_config.domain")
    # An empty result would mean that the graph is not that of this package.
    assert found & {"attr", "attrs"}
    assert found - ALLOWED == set()
