from __future__ import annotations

from tests.contract.evenness import TECHNOLOGIES, unevenness


def test_same_tests_for_all_are_even() -> None:
    assert unevenness({name: {"a", "b"} for name in TECHNOLOGIES}, TECHNOLOGIES) == []


def test_test_that_one_technology_left_out_is_told() -> None:
    runs = {"memory": {"a", "b"}, "sqlite": {"a"}, "mongo": {"b"}}
    assert unevenness(runs, TECHNOLOGIES) == [
        "sqlite did not run b",
        "mongo did not run a",
    ]


def test_technology_that_ran_nothing_is_told() -> None:
    assert unevenness({"memory": {"a"}}, TECHNOLOGIES) == [
        "sqlite did not run a",
        "mongo did not run a",
    ]
