"""
A pytest plugin: with `--parity`, a run fails unless each technology ran the same contract tests.

The reports of the tests carry their names, so it does not matter which process ran them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping
from typing import Final

import pytest

TECHNOLOGIES: Final = ("memory", "sqlite", "mongo")
_PROPERTY: Final = "contract"


def gaps(runs: Mapping[str, set[str]], technologies: Collection[str]) -> list[str]:
    """
    One line for each contract test that ran for some technologies but not for all of them.
    """
    every = set().union(*runs.values())
    if not every:
        return ["no contract test ran"]
    return [
        f"{technology} did not run {name}"
        for technology in technologies
        for name in sorted(every - runs.get(technology, set()))
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parity",
        action="store_true",
        help="fail unless each technology ran the same contract tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    in_worker = hasattr(config, "workerinput")
    if config.getoption("--parity") and not in_worker:
        config.pluginmanager.register(Parity())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # A laptop may have no database; the CI machine must have one.
    if report.when == "call" or (report.skipped and not os.environ.get("CI")):
        report.user_properties += _contract_of(item)
    return report


def _contract_of(item: pytest.Item) -> list[tuple[str, object]]:
    if not isinstance(item, pytest.Function) or not hasattr(item.cls, "technology"):
        return []
    cls = item.cls
    name = item.originalname
    definer = next(parent for parent in reversed(cls.__mro__) if name in vars(parent))
    return [(_PROPERTY, f"{cls.technology} {definer.__name__}.{name}")]


class Parity:
    """
    Collects the tests that ran, and compares them at the end of the session.
    """

    def __init__(self) -> None:
        self._runs: dict[str, set[str]] = {}
        self._gaps: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == _PROPERTY:
                technology, _, test = str(value).partition(" ")
                self._runs.setdefault(technology, set()).add(test)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.shouldstop or session.shouldfail:
            return
        self._gaps = gaps(self._runs, TECHNOLOGIES)
        if self._gaps and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for gap in self._gaps:
            terminalreporter.write_line(f"NO PARITY {gap}", red=True)
