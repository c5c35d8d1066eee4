"""
Answers about the hub itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.application.ports.secret_vault import RingTrouble
from odoo_ai_config.entrypoints.http.platform.schema import answer


@answer
class Identity:
    """
    Name, version, and where the documentation is.
    """

    name: str
    version: str
    description: str
    docs: str


@answer
class Healthy:
    """
    The process answers; nothing else is checked.
    """

    status: Literal["healthy"]


@answer
class Ready:
    """
    The hub can take in messages.
    """

    status: Annotated[
        Literal["ready", "spooling"],
        Meta(
            description="`ready`: the store can be read and written. `spooling`: it is away, or "
            "messages still wait for it on the hub's disk; whatever needs its answer may be a 503."
        ),
    ]
    warnings: (
        Annotated[
            list[RingTrouble],
            Meta(
                description="Problems that do no harm now and would make the next start fail.",
            ),
        ]
        | UnsetType
    ) = UNSET
