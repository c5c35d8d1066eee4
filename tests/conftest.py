from __future__ import annotations

import gc
import os
import signal
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.contract.parity", "tests.mongo_server"]

# Until all tests are collected: modules and tests are no garbage.
gc.disable()

# Two shared cores make first examples slow; the timeout of pytest catches what is always slow.
_PATIENT = (HealthCheck.too_slow,)

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=_PATIENT)
settings.register_profile(
    "ci",
    parent=settings.get_profile("dev"),
    derandomize=True,
    print_blob=True,
)
settings.register_profile("nightly", parent=settings.get_profile("dev"), max_examples=2000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_collection_finish(session: pytest.Session) -> None:
    # Objects from before the first test stay, so the garbage collector can skip them.
    gc.collect()
    gc.freeze()
    gc.enable()


def interrupt(number: int, frame: FrameType | None) -> None:
    signal.default_int_handler(number, frame)


# asyncio replaces Python's own handler for each test, and signal.signal() formats what it is
# given: the task and everything that its result holds, a whole store for instance.
signal.signal(signal.SIGINT, interrupt)
