"""
Fetches the files that an answer attaches.

A crew says where they are, so they may be where crews may be and nowhere else; each redirect is
checked as well. They are kept in nameless temporary files while they are uploaded.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final

import structlog
from attrs import frozen
from yarl import URL

from odoo_ai_config.adapters.outbound.answers import CallFailedError
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.application.errors import (
    AttachmentRefusedError,
    AttachmentUnavailableError,
    TargetForbiddenError,
)
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.messages.outgoing import LONGEST_NAME, OutgoingFile

if TYPE_CHECKING:
    from aiohttp import ClientResponse

# Of all files of a message together: the limit that Chatwoot comes with for one.
MOST_BYTES: Final = 40 * 1024 * 1024
# For all files of a message. With the look for an earlier post and the upload, it is within the
# shortest lease.
FETCHING: Final = timedelta(seconds=20)
MOST_REDIRECTS: Final = 3
_CHUNK: Final = 256 * 1024
_SUCCESS: Final = range(200, 300)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ANYTHING: Final = "application/octet-stream"
_TYPE: Final = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+", re.ASCII)
# A name is no path, and goes into a header.
_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\"\\/]+")
_EDGES: Final = "_ ."

_log = structlog.get_logger(area="hub")


@frozen
class FetchedFile:
    """
    A file at hand, to be read from its beginning.
    """

    name: str
    content_type: str
    content: IO[bytes]


@frozen(eq=False)
class FileFetcher:
    """
    Fetches files from addresses that crews name.

    Args:
        most_bytes: Of all files of a message together.
        timeout: For all of them.
    """

    sessions: HttpSessions
    clock: Clock
    most_bytes: int = MOST_BYTES
    timeout: timedelta = FETCHING

    @asynccontextmanager
    async def fetched(self, files: Sequence[OutgoingFile]) -> AsyncIterator[list[FetchedFile]]:
        """
        The *files*, which are there until the context ends.

        Raises:
            AttachmentUnavailableError: One cannot be fetched now.
            AttachmentRefusedError: One is not there, must not be fetched, or they are too large.
        """
        with ExitStack() as kept:
            found: list[FetchedFile] = []
            left = self.most_bytes
            try:
                async with asyncio.timeout(self.timeout.total_seconds()):
                    for file in files:
                        content = kept.enter_context(tempfile.TemporaryFile())
                        fetched = await self._fetch(file, content, left)
                        left -= content.tell()
                        found.append(fetched)
            except TimeoutError:
                raise _failure("unreachable", None, error="TimeoutError") from None
            for one in found:
                one.content.seek(0)
            yield found

    async def _fetch(self, file: OutgoingFile, content: IO[bytes], most: int) -> FetchedFile:
        address = file.url
        for _ in range(MOST_REDIRECTS + 1):
            try:
                async with self.sessions.to_file(
                    address, timeout=self.timeout, clock=self.clock
                ) as response:
                    if response.status not in _REDIRECTS:
                        return await _read(file, response, content, most)
                    # A relative one begins where it was found.
                    target = response.url.join(URL(response.headers["Location"]))
                    address = str(target.with_fragment(None))
            except CallFailedError as failure:
                raise _failure(failure.event, failure.retry_after, **failure.told) from None
            except TargetForbiddenError:
                raise _refusal("forbidden") from None
            except (ValueError, KeyError):
                raise _refusal("malformed") from None
        raise _refusal("redirects")


async def _read(
    file: OutgoingFile, response: ClientResponse, content: IO[bytes], most: int
) -> FetchedFile:
    if response.status not in _SUCCESS:
        raise _refusal("status", status=response.status)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        # It was asked for as it is.
        raise _refusal("encoded")
    size = response.content_length or 0
    pending = bytearray()
    async for chunk in response.content.iter_any():
        pending += chunk
        size = max(size, content.tell() + len(pending))
        if size > most:
            break
        if len(pending) >= _CHUNK:
            await asyncio.to_thread(content.write, bytes(pending))
            pending.clear()
    if size > most:
        raise _refusal("too_large")
    await asyncio.to_thread(content.write, bytes(pending))
    await asyncio.to_thread(content.flush)
    if not content.tell():
        raise _refusal("empty")
    name = _name(file, response)
    return FetchedFile(name, _type(response, name), content)


def _name(file: OutgoingFile, response: ClientResponse) -> str:
    disposition = response.content_disposition
    told = None if disposition is None else disposition.filename
    for name in (file.name, told, response.url.name):
        plain = plain_name(name or "")
        if plain:
            return plain
    return f"arquivo{mimetypes.guess_extension(response.content_type) or ''}"


def plain_name(name: str) -> str:
    """
    *name* as far as it can be the name of a file in a header; empty if nothing is left.
    """
    # Its end tells what it is.
    return _NOT_IN_NAMES.sub("_", name).strip(_EDGES)[-LONGEST_NAME:].strip(_EDGES)


def _type(response: ClientResponse, name: str) -> str:
    told = response.content_type
    if told == _ANYTHING or _TYPE.fullmatch(told) is None:
        # Chatwoot tells images, sounds and films from other files by this.
        return mimetypes.guess_type(PurePosixPath(name).name)[0] or _ANYTHING
    return told


def _refusal(why: str, **told: object) -> AttachmentRefusedError:
    _log.warning("attachment_refused", why=why, **told)
    return AttachmentRefusedError()


def _failure(event: str, retry_after: float | None, **told: object) -> AttachmentUnavailableError:
    _log.warning(f"attachment_{event}", **told)
    return AttachmentUnavailableError(retry_after)
