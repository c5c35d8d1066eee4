from __future__ import annotations

import pytest

from tests.unit.application.memory_hub import MemoryHub


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub()
