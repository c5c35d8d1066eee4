from __future__ import annotations

import gc
import os
import signal
from types import FrameType

import pytest
from hypothesis import HealthCheck, settings

from odoo_ai_config.entrypoints.server import collect_garbage_seldom

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
    gc.collect()
    # An app in a test leaves so many objects that Python's thresholds cost an eighth of the time.
    collect_garbage_seldom()
    gc.enable()


def interrupt(number: int, frame: FrameType | None) -> None:
    signal.default_int_handler(number, frame)


# asyncio replaces Python's own handler for each test, and signal.signal() formats what it is
# given: the task and everything that its result holds, a whole store for instance.
signal.signal(signal.SIGINT, interrupt)
