"""
Renders documents as bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeAlias, TypeVar
from zlib import crc32

from aiohttp import web
from msgspec import Raw

from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.entrypoints.http.documents.schemas import Document
from odoo_ai_config.entrypoints.http.platform.byte_cache import ByteCache
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, timestamp

T = TypeVar("T")
# Plain texts, because a text is hashed only once and every read looks one up.
_Place: TypeAlias = tuple[bool, str, str, str, str, int]

_LARGEST_EXACT_INTEGER: Final = 2**53 - 1


def entity_tag(revision: Revision) -> str:
    """
    The strong ETag of *revision*.

    The timestamp is part of it: after a restore from a backup, the same version may have another
    content.
    """
    key = revision.key
    return _tag(
        key.tenant.value, key.domain.value, key.kind.value, revision.version, revision.updated_at
    )


@lru_cache(maxsize=16_384)
def _tag(tenant: str, domain: str, kind: str, version: int, at: datetime) -> str:
    # A checksum is enough: the version tells revisions apart, the rest only restored ones.
    checksum = crc32(f"{tenant}/{domain}/{kind}/{at.timestamp()}".encode())
    return f'"{version}-{checksum:08x}"'


def number_of(revision: Revision) -> int:
    """
    A stable positive integer for a revision: old clients expect a row's id.
    """
    seed = f"{revision.key}\n{revision.version}".encode()
    return int.from_bytes(blake2b(seed, digest_size=8).digest()) % _LARGEST_EXACT_INTEGER + 1


def of_revision(make: Callable[..., T], revision: Revision, **more: object) -> T:
    """
    An answer with the key and version of its revision.
    """
    key = revision.key
    return make(
        tenant_id=str(key.tenant),
        domain=str(key.domain),
        config_type=str(key.kind),
        version=revision.version,
        created_at=timestamp(revision.created_at),
        updated_at=timestamp(revision.updated_at),
        **more,
    )


class Representations:
    """
    Documents rendered as JSON and YAML, with a cache of the most recently read ones.

    A revision hardly ever changes, so entries are valid until they are evicted.

    Args:
        max_bytes: The maximum size of the cache.
    """

    def __init__(self, yaml: YamlCodec, max_bytes: int) -> None:
        self._yaml = yaml
        self._kept: ByteCache[_Place] = ByteCache(max_bytes)

    def ready(self, revision: Revision, tag: str, *, as_yaml: bool = False) -> bytes | None:
        """
        The result of `of`, if it is in the cache.
        """
        return self._kept.get(_place(revision, tag, as_yaml=as_yaml))

    async def of(self, revision: Revision, tag: str, *, as_yaml: bool = False) -> bytes:
        """
        The document as a JSON object or as YAML; *tag* is its entity tag.
        """
        kept = self.ready(revision, tag, as_yaml=as_yaml)
        if kept is not None:
            return kept
        text = await yaml_of(revision.document, self._yaml)
        if as_yaml:
            rendered = text.encode()
        else:
            rendered = await run_off_loop(
                lambda: _whole(revision, text), cost=len(text) + len(revision.document.text)
            )
        place = _place(revision, tag, as_yaml=as_yaml)
        self._kept.keep(place, rendered, weight=len(rendered))
        return rendered


def _whole(revision: Revision, text: str) -> bytes:
    # The body is already JSON text, possibly a large one: it is copied as it is.
    content = Raw(revision.document.text.encode())
    identity = number_of(revision)
    return json_bytes(
        of_revision(Document, revision, id=identity, yaml_content=text, json_data=content)
    )


def _place(revision: Revision, tag: str, *, as_yaml: bool) -> _Place:
    key = revision.key
    # The content, too: `odoo-ai-config seal` removes secrets from old versions.
    document = revision.document
    content = hash((document.text, document.authored and document.authored.text))
    return as_yaml, tag, key.tenant.value, key.domain.value, key.kind.value, content


REPRESENTATIONS: Final = web.AppKey("representations", Representations)
