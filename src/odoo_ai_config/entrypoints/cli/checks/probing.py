"""
Whether a server runs at the address in the settings.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from odoo_ai_config.entrypoints.settings import Settings

_PROBE_SECONDS: Final = 2.0
_ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared


def reachable_place(settings: Settings) -> str:
    """
    The host and port at which this machine reaches its own server.
    """
    host = "localhost" if settings.host in _ANYWHERE else settings.host
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


async def hub_answers(settings: Settings) -> bool:
    """
    Whether an odoo-ai-config answers there.
    """
    timeout = aiohttp.ClientTimeout(total=_PROBE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{reachable_place(settings)}/health") as response,
        ):
            return response.ok and "X-Request-ID" in response.headers
    except (aiohttp.ClientError, TimeoutError):
        return False
