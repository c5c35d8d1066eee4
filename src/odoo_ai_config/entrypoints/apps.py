"""
The parts of a server: one process serves all of them or some.
"""

from __future__ import annotations

import enum
from typing import Final


class App(enum.Enum):
    """
    A group of endpoints.

    Endpoints about the server itself (``/health``, ``/metrics``, ``/docs``) belong to no app and
    are always served.
    """

    CONFIG = "config"
    CHATWOOT = "chatwoot"
    ODOO_API = "odoo-api"
    MCP = "mcp"


ALL_APPS: Final = frozenset(App)


def apps_named(text: str) -> frozenset[App]:
    """
    Parse names of apps, separated by commas.

    Raises:
        ValueError: There is no name, or an unknown one.
    """
    return frozenset(App(name.strip().lower()) for name in text.split(","))


def names_of(apps: frozenset[App]) -> tuple[str, ...]:
    """
    The names of *apps*, always in the same order.
    """
    return tuple(app.value for app in App if app in apps)
