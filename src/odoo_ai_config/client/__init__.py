"""
The hub from another machine: what `Hub` does in process, over HTTP, and when the hub is away.

Importing this module loads nothing but the standard library. The first `open_hub` loads aiohttp,
attrs and the domain; never a server, a driver or a cipher, unless secrets are to be on disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

if TYPE_CHECKING:
    from odoo_ai_config.client.blocking_hub import BlockingHub
    from odoo_ai_config.client.remote_hub import RemoteHub
    from odoo_ai_config.domain.credentials.secrets import SecretText


class Options(TypedDict, total=False):
    """
    What a program may choose.

    Args:
        deadline: Seconds after which a call fails, with all of its attempts; 10 by default.
        patience: Seconds that a read waits for the hub if it has a last good state; 1.
        refresh: Seconds after which a read asks the hub again while no feed is followed; 30.
        cache_dir: Where reads are kept for the next start; by default in memory only.
        secrets_key: 32 bytes that seal credentials on disk; without them none are kept there.
        cache_entries: How many reads are kept, in memory and on disk; 2,000.
        cache_bytes: How large they are together, in each of the two; 64 MiB.
    """

    deadline: float
    patience: float
    refresh: float
    cache_dir: str | Path | None
    secrets_key: bytes | None
    cache_entries: int
    cache_bytes: int


@asynccontextmanager
async def open_hub(
    url: str, *, api_key: str | SecretText, **options: Unpack[Options]
) -> AsyncIterator[RemoteHub]:
    """
    Open the hub at *url* (``https://hub.example.com``) for one event loop, inside the context.

    Nothing is asked yet: a program also starts while the hub is away. The *options* are
    `Options`.

    Raises:
        InvalidValueError: *url* is malformed.
        ValueError: *api_key* or ``secrets_key`` is.
    """
    # Here, so that a program that imports this module but asks no hub loads nothing.
    from odoo_ai_config.client.remote_hub import opened  # noqa: PLC0415

    async with opened(url, api_key, **options) as hub:
        yield hub


@contextmanager
def open_hub_sync(
    url: str, *, api_key: str | SecretText, **options: Unpack[Options]
) -> Iterator[BlockingHub]:
    """
    The same hub for a program without an event loop; the options are those of `open_hub`.
    """
    from odoo_ai_config.client.blocking_hub import blocking  # noqa: PLC0415 - see above

    with blocking(lambda: open_hub(url, api_key=api_key, **options)) as hub:
        yield hub
