"""
A guard over the contracts: a technology that quietly runs fewer tests than another fails the run.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.contract.evenness import TECHNOLOGIES, Runs, unevenness
from tests.contract.stores import StoreContract

RUNS = pytest.StashKey[Runs]()
FINDINGS = pytest.StashKey[list[str]]()


def is_whole_suite(config: pytest.Config) -> bool:
    """
    Whether nobody asked for a part of the tests only.
    """
    option = config.option
    narrowed = (
        option.keyword,
        option.markexpr,
        option.deselect,
        option.collectonly,
        getattr(option, "lf", False),
        config.args_source is pytest.Config.ArgsSource.ARGS,
    )
    return not any(narrowed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # A laptop may lack a database; the machine that decides may not.
    if report.when == "call" or (report.skipped and not os.environ.get("CI")):
        remember(item)
    return report


def remember(item: pytest.Item) -> None:
    """
    Note that the technology of *item* ran it, if it is a test of a contract.
    """
    if not isinstance(item, pytest.Function):
        return
    cls = item.cls
    if cls is None or not issubclass(cls, StoreContract):
        return
    name = item.originalname
    definer = next(parent for parent in reversed(cls.__mro__) if name in vars(parent))
    runs = item.config.stash.setdefault(RUNS, {})
    runs.setdefault(cls.technology, set()).add(f"{definer.__name__}.{name}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not is_whole_suite(session.config) or session.shouldstop or session.shouldfail:
        return
    runs = session.config.stash.setdefault(RUNS, {})
    findings = unevenness(runs, TECHNOLOGIES)
    session.config.stash[FINDINGS] = findings
    if findings and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for finding in config.stash.get(FINDINGS, []):
        terminalreporter.write_line(f"UNEVEN {finding}", red=True)
