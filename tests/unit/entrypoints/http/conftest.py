from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from tests.unit.application.memory_hub import MemoryHub
from tests.unit.entrypoints.http.web_hub import WebHub, serving


@pytest.fixture
def options() -> HttpOptions:
    return HttpOptions(version="1.2.3")


@pytest.fixture
async def web(options: HttpOptions) -> AsyncIterator[WebHub]:
    async with serving(MemoryHub(), options) as web:
        yield web
