"""
The parts that a server can be made of, so that one process serves all of them or some.
"""

from __future__ import annotations

import enum
from typing import Final


class App(enum.Enum):
    """
    A group of addresses that belong together.

    What tells of the server itself (``/health``, ``/metrics``, ``/docs`` and the like) belongs
    to none of them and is always served.
    """

    CONFIG = "config"
    CHATWOOT = "chatwoot"
    ODOO_API = "odoo-api"


ALL_APPS: Final = frozenset(App)


def apps_named(text: str) -> frozenset[App]:
    """
    The apps in *text*, separated by commas.

    Raises:
        ValueError: There is none, or one that does not exist.
    """
    return frozenset(App(name.strip().lower()) for name in text.split(","))


def names_of(apps: frozenset[App]) -> tuple[str, ...]:
    """
    Their names, always in the same order.
    """
    return tuple(app.value for app in App if app in apps)
