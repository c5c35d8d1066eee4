from __future__ import annotations

import os
import subprocess

import pytest

from tests.contract.parity import TECHNOLOGIES, gaps
from tests.source_tree import ROOT

SUITE = """
import pytest

class Contract:
    def test_one(self): ...
    @pytest.mark.parametrize("number", range(4))
    def test_two(self, number): ...

class TestMemory(Contract):
    technology = "memory"

class TestSqlite(Contract):
    technology = "sqlite"
"""
SAME_IN_MONGO = """
class TestMongo(Contract):
    technology = "mongo"
"""
LESS_IN_MONGO = """
class TestMongo(Contract):
    technology = "mongo"
    @pytest.fixture(autouse=True)
    def without_a_database(self, request):
        if request.function.__name__ == "test_two":
            pytest.skip("no MongoDB")
"""


def run(pytester: pytest.Pytester, suite: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(suite)
    return pytester.runpytest("-p", "xdist.plugin", "-p", "tests.contract.parity", *options)


@pytest.fixture(autouse=True)
def _strict(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))


def test_same_tests_for_all_leave_no_gap() -> None:
    assert gaps({name: {"a", "b"} for name in TECHNOLOGIES}, TECHNOLOGIES) == []


def test_test_that_one_technology_left_out_is_told() -> None:
    runs = {"memory": {"a", "b"}, "sqlite": {"a"}, "mongo": {"b"}}
    assert gaps(runs, TECHNOLOGIES) == ["sqlite did not run b", "mongo did not run a"]


def test_technology_that_ran_nothing_is_told() -> None:
    assert gaps({"memory": {"a"}}, TECHNOLOGIES) == [
        "sqlite did not run a",
        "mongo did not run a",
    ]


@pytest.mark.parametrize("runs", [{}, {"memory": set()}])
def test_run_without_contracts_is_told(runs: dict[str, set[str]]) -> None:
    assert gaps(runs, TECHNOLOGIES) == ["no contract test ran"]


def test_run_with_the_same_tests_for_all_succeeds(pytester: pytest.Pytester) -> None:
    result = run(pytester, SUITE + SAME_IN_MONGO, "--parity")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("NO PARITY*")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_run_with_a_gap_fails(pytester: pytest.Pytester, workers: str) -> None:
    result = run(pytester, SUITE + LESS_IN_MONGO, "--parity", "-n", workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines("NO PARITY mongo did not run Contract.test_two")
    result.stdout.no_fnmatch_line("NO PARITY*test_one")


def test_run_without_contracts_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_other(): ...", "--parity")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines("NO PARITY no contract test ran")


def test_part_of_the_tests_may_run_alone(pytester: pytest.Pytester) -> None:
    assert run(pytester, SUITE).ret == pytest.ExitCode.OK


def test_skipped_test_counts_where_a_database_may_be_missing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI")
    assert run(pytester, SUITE + LESS_IN_MONGO, "--parity").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    ("arguments", "asked"), [(["test"], True), (["test-all"], True), (["test", "ARGS=-x"], False)]
)
def test_make_asks_for_parity_unless_a_part_was_asked_for(
    arguments: list[str], asked: bool
) -> None:
    # This test may itself be run by make, with arguments of its own.
    variables = {
        name: value for name, value in os.environ.items() if name not in {"ARGS", "MAKEFLAGS"}
    }
    commands = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ("--parity" in commands) == asked
