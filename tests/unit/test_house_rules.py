"""
House rules that neither ruff nor import-linter can state, checked on the syntax tree.

Each rule is a function that yields violations. One test runs all of them over the real tree;
another shows that each still catches a violation.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain

import pytest

from tests.source_tree import PACKAGE, ROOT, TESTS, modules

Rule = Callable[[str, ast.Module], Iterator[str]]

EMPTY_CLASS_NAMES = re.compile(r"I[A-Z][a-z]\w*|\w*(DTO|Dto|Schema|Impl|Manager|Request|Response)")
EMPTY_MODULE_NAMES = {
    "base",
    "common",
    "core",
    "dto",
    "helper",
    "helpers",
    "manager",
    "misc",
    "processor",
    "shared",
    "util",
    "utils",
}
DOMAIN_BASES = re.compile(r"\w*Error|(Int|Str)?(Enum|Flag)|Protocol")
PORTS = "application/ports/"
# Computation has its own threads in `off_loop.py`; these threads wait for files.
WAITING_FOR_FILES = {
    "adapters/chatwoot/files.py",
    "adapters/mongo/database.py",
    "adapters/system/revoked_keys.py",
    "client/disk.py",
    "entrypoints/cli/commands/mcp.py",
    "entrypoints/container.py",
    "entrypoints/http/platform/pages.py",
}
# Where unexpected errors end as a 500.
BROAD_EXCEPTS_ALLOWED = {
    "entrypoints/http/mcp/json_rpc.py",
    "entrypoints/http/platform/request_trace.py",
}


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def bare_name(expression: ast.expr) -> str:
    """
    The name of an expression without its package and parameters.
    """
    match expression:
        # Most are plain, and writing out a tree takes long.
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name):
            return name
        case _:
            text = ast.unparse(expression)
            return text.partition("[")[0].partition("(")[0].rpartition(".")[2]


def base_names(cls: ast.ClassDef) -> list[str]:
    return [bare_name(base) for base in cls.bases]


@cache
def ports() -> dict[str, str]:
    """
    Each port and the module that defines it.
    """
    return {
        cls.name: path.rpartition("/")[2].removesuffix(".py")
        for path, tree in modules(PACKAGE)
        if path.startswith(PORTS)
        for cls in classes(tree)
        if "Protocol" in base_names(cls)
    }


def class_names_that_say_nothing(path: str, tree: ast.Module) -> Iterator[str]:
    for cls in classes(tree):
        if EMPTY_CLASS_NAMES.fullmatch(cls.name):
            yield f"{path}: class {cls.name}"


def module_names_that_say_nothing(path: str, _tree: ast.Module) -> Iterator[str]:
    words = {word for part in path.removesuffix(".py").split("/") for word in part.split("_")}
    for word in sorted(words & EMPTY_MODULE_NAMES):
        yield f"{path}: {word}"


def modules_without_content(path: str, tree: ast.Module) -> Iterator[str]:
    if path.endswith("__init__.py"):
        return
    if all(isinstance(node, ast.Expr | ast.Import | ast.ImportFrom) for node in tree.body):
        yield f"{path}: nothing is defined here"


def domain_classes_that_inherit(path: str, tree: ast.Module) -> Iterator[str]:
    if not path.startswith("domain/"):
        return
    for cls in classes(tree):
        for base in base_names(cls):
            is_root = cls.name == "CodedError" and base == "Exception"
            if not (is_root or DOMAIN_BASES.fullmatch(base)):
                yield f"{path}: class {cls.name}({base})"


def port_methods_with_a_body_to_inherit(path: str, tree: ast.Module) -> Iterator[str]:
    if not path.startswith(PORTS):
        return
    for cls in classes(tree):
        if "Protocol" not in base_names(cls):
            continue
        for node in cls.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
                bare_name(decorator) == "abstractmethod" for decorator in node.decorator_list
            ):
                yield f"{path}: {cls.name}.{node.name} is not abstract"


@cache
def use_cases() -> frozenset[str]:
    """
    Classes with an async ``__call__`` and an imperative name; a `Sealer` is a part of several.
    """
    return frozenset(
        cls.name
        for path, tree in modules(PACKAGE)
        if path.startswith("application/") and not path.startswith(PORTS)
        for cls in classes(tree)
        if not cls.name.endswith("er")
        and any(
            isinstance(node, ast.AsyncFunctionDef) and node.name == "__call__" for node in cls.body
        )
    )


def use_cases_that_call_each_other(path: str, tree: ast.Module) -> Iterator[str]:
    if not path.startswith("application/"):
        return
    for cls in classes(tree):
        for node in cls.body:
            if isinstance(node, ast.AnnAssign) and bare_name(node.annotation) in use_cases():
                yield f"{path}: {cls.name} holds {bare_name(node.annotation)}"


def stores_named_otherwise_than_their_port(path: str, tree: ast.Module) -> Iterator[str]:
    if not path.startswith(("adapters/memory/", "adapters/sqlite/", "adapters/mongo/")):
        return
    port_modules = ports()
    stem = path.rpartition("/")[2].removesuffix(".py")
    for cls in classes(tree):
        for base in base_names(cls):
            if base in port_modules and not (
                stem == port_modules[base] and cls.name.endswith(base)
            ):
                yield f"{path}: class {cls.name}({base})"


def broad_excepts(path: str, tree: ast.Module) -> Iterator[str]:
    if path in BROAD_EXCEPTS_ALLOWED:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and bare_name(node.func) == "suppress":
            caught = node.args
        else:
            continue
        if any(
            kind is None or bare_name(kind) in {"Exception", "BaseException"} for kind in caught
        ):
            yield f"{path}:{node.lineno}"


def computations_on_other_threads(path: str, tree: ast.Module) -> Iterator[str]:
    if path in WAITING_FOR_FILES:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "to_thread":
            yield f"{path}:{node.lineno}"


def threads_made_at_import(path: str, tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Call) and "Thread" in bare_name(node.func):
                    yield f"{path}:{node.lineno}"


def mocks(path: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        else:
            continue
        if any(
            re.match(r"unittest\.mock\b|mock\b|pytest_mock\b|mocker\b", name) for name in names
        ):
            yield f"{path}:{node.lineno}"


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def doing(function: ast.AST) -> set[str]:
    """
    The names of what *function* calls, and ``assert`` if it has an assertion.
    """
    return {
        bare_name(node.func) if isinstance(node, ast.Call) else "assert"
        for node in ast.walk(function)
        if isinstance(node, ast.Assert | ast.Raise | ast.Call)
    }


@cache
def asserting_functions() -> set[str]:
    """
    Functions of the tests that assert something, by name, whichever module they are in.
    """
    helpers = [
        (function.name, doing(function))
        for _, tree in modules(TESTS)
        for function in functions(tree)
        if not function.name.startswith("test_")
    ]
    known = {"assert", "raises", "run_state_machine_as_test"}
    while found := {name for name, done in helpers if name not in known and done & known}:
        known |= found
    return known


def empty_tests(path: str, tree: ast.Module) -> Iterator[str]:
    for function in functions(tree):
        if function.name.startswith("test_") and not doing(function) & asserting_functions():
            yield f"{path}:{function.lineno} {function.name}"


SOURCE_RULES: list[Rule] = [
    class_names_that_say_nothing,
    module_names_that_say_nothing,
    modules_without_content,
    domain_classes_that_inherit,
    port_methods_with_a_body_to_inherit,
    use_cases_that_call_each_other,
    stores_named_otherwise_than_their_port,
    broad_excepts,
    computations_on_other_threads,
    threads_made_at_import,
]


@pytest.mark.parametrize("rule", SOURCE_RULES)
def test_source_keeps(rule: Rule) -> None:
    assert list(chain.from_iterable(rule(path, tree) for path, tree in modules(PACKAGE))) == []


@pytest.mark.parametrize("rule", [mocks, empty_tests])
def test_tests_keep(rule: Rule) -> None:
    assert list(chain.from_iterable(rule(path, tree) for path, tree in modules(TESTS))) == []


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (class_names_that_say_nothing, "application/a.py", "class IConfigStore: ..."),
        (class_names_that_say_nothing, "application/a.py", "class TenantDTO: ..."),
        (class_names_that_say_nothing, "application/a.py", "class PublishRequest: ..."),
        (module_names_that_say_nothing, "domain/string_utils.py", ""),
        (module_names_that_say_nothing, "shared/phone.py", ""),
        (modules_without_content, "domain/future.py", '"""\nSoon.\n"""\nimport re'),
        (domain_classes_that_inherit, "domain/a.py", "class Tenant(Entity): ..."),
        (domain_classes_that_inherit, "domain/a.py", "class Refusal(Exception): ..."),
        (
            port_methods_with_a_body_to_inherit,
            "application/ports/clock.py",
            "class Clock(Protocol):\n    def now(self): ...",
        ),
        (
            use_cases_that_call_each_other,
            "application/documents/writing.py",
            "class PublishDocument:\n    reading: ReadDocument",
        ),
        (broad_excepts, "adapters/a.py", "try:\n    f()\nexcept:\n    pass"),
        (broad_excepts, "adapters/a.py", "try:\n    f()\nexcept (OSError, Exception):\n    pass"),
        (broad_excepts, "adapters/a.py", "with contextlib.suppress(BaseException):\n    f()"),
        (computations_on_other_threads, "adapters/a.py", "await asyncio.to_thread(f)"),
        (threads_made_at_import, "adapters/a.py", "_POOL: Final = ThreadPoolExecutor(1)"),
        (mocks, "unit/test_a.py", "from unittest.mock import patch"),
        (mocks, "unit/test_a.py", "import unittest.mock"),
        (mocks, "unit/test_a.py", "def test_a(mocker): ..."),
        (empty_tests, "unit/test_a.py", "def test_a(): f()"),
        (empty_tests, "unit/test_a.py", "async def test_a(): await g.h()"),
    ],
)
def test_offender_is_caught(rule: Rule, path: str, source: str) -> None:
    assert len(list(rule(path, ast.parse(source)))) == 1


def test_store_in_a_file_of_another_name_is_caught() -> None:
    port, module = next(iter(ports().items()))
    tree = ast.parse(f"class Sqlite{port}({port}): ...")
    assert list(stores_named_otherwise_than_their_port(f"adapters/sqlite/{module}.py", tree)) == []
    assert list(stores_named_otherwise_than_their_port("adapters/sqlite/tables.py", tree)) != []


def test_every_dependency_states_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    required = project["dependencies"] + [name for extra in extras for name in extra]
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = [re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in required]
    assert [name for name in names if f"| {name} |" not in reasons] == []
