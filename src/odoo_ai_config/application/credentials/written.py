"""
Credentials that somebody writes directly: as their own document, or among other settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from attrs import field, frozen

from odoo_ai_config.application.credentials.sealing import Sealer, Sealing, sealed_values
from odoo_ai_config.application.off_loop import cost_of, cost_of_yaml, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.credentials.plain_secrets import TakenOut, taken_out
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.credentials import (
    given_credentials,
    references_named_in,
    with_fingerprints,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.merging import credentials_after
from odoo_ai_config.domain.documents.revisions import Revision, content_of, successor
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice


@frozen
class SealedSettings:
    """
    A document without its secrets, and what to write with it.

    Args:
        credentials: The next revision of the ``credentials`` document, if it changes.
    """

    document: Document
    credentials: Revision | None = None
    sealing: Sealing = field(factory=Sealing)
    notices: tuple[Notice, ...] = ()


@frozen(eq=False)
class CredentialsWriter:
    """
    Replaces secret values by references and fingerprints, and seals new values.
    """

    sealer: Sealer
    yaml: YamlCodec
    old_cipher: OldCipher

    async def replaced(
        self,
        store: ConfigStore,
        owner: TenantArea,
        current: Document | None,
        body: ReadOnlyJsonObject,
        *,
        at: datetime,
    ) -> SealedSettings:
        """
        The ``credentials`` document that *body* describes, with every plain value sealed.

        A value that *body* leaves out stays if a document of *owner* names it.

        Raises:
            InvalidValueError: *body* is not references and values.
            EncryptedValueError: A value is ciphertext of the replaced server and does not open.
            UnknownFingerprintError: It names a sealed value that the tenant does not have.
        """
        cost = cost_of(body)
        given = await run_off_loop(
            lambda: given_credentials(body, self.old_cipher.open), cost=cost
        )
        known = await sealed_values(current)
        kept = await _still_named(store, owner, given.left_out(known))
        sealing = await self.sealer(owner, given.plain, known=known, at=at, named=given.sealed)
        marks = {**kept, **given.sealed, **sealing.fingerprints}
        document = await run_off_loop(lambda: _naming(owner.tenant, known, marks), cost=cost)
        forgotten = (Notice("kept_credential", f"credentials.{ref}") for ref in kept)
        unmarked = (
            Notice("old_mark_dropped", f"credentials.{ref}") for ref in sorted(given.unmarked)
        )
        notices = (*islice(forgotten, MOST_NOTICES), *islice(unmarked, MOST_NOTICES))
        return SealedSettings(document, sealing=sealing, notices=notices)

    async def apart(
        self,
        key: DocumentKey,
        document: Document,
        credentials: Revision | None,
        *,
        author: str,
        at: datetime,
    ) -> SealedSettings:
        """
        Move the secrets in *document* into the *credentials* document.

        Raises:
            InvalidValueError: It holds too many secrets.
            UnknownFingerprintError: It names a sealed value that the tenant does not have.
        """
        found = await self.secrets_in(key.kind, document)
        if found.changed:
            document = await self.cleaned(key.kind, document, found)
        revision, sealing = await self.next_credentials(
            key.owner, credentials, found.plain, found.sealed, author=author, at=at
        )
        return SealedSettings(document, revision, sealing, found.notices)

    async def next_credentials(
        self,
        owner: TenantArea,
        credentials: Revision | None,
        plain: Mapping[CredentialRef, SecretText],
        named: Mapping[CredentialRef, Fingerprint],
        *,
        author: str,
        at: datetime,
    ) -> tuple[Revision | None, Sealing]:
        """
        Seal *plain*, and return the next revision of *credentials*; None if it does not change.

        The revision names these values and *named*.

        Raises:
            UnknownFingerprintError: One of *named* is a value that the tenant does not have.
        """
        if not (plain or named):
            return None, Sealing()
        sealed = content_of(credentials)
        sealing = await self.sealer(
            owner, plain, known=await sealed_values(sealed), at=at, named=named
        )
        marks = {**named, **sealing.fingerprints}
        document = await run_off_loop(
            lambda: credentials_after(sealed, owner.tenant, marks), cost=cost_of(sealed)
        )
        where = owner.document(CREDENTIALS)
        return successor(credentials, where, document, author=author, at=at), sealing

    async def cleaned(self, kind: DocumentKind, document: Document, found: TakenOut) -> Document:
        """
        *document*, of *kind*, without the secrets in *found*, also in its authored text.
        """
        authored = document.authored
        return await run_off_loop(
            lambda: self._cleaned(kind, document, found),
            cost=cost_of(document) if authored is None else cost_of_yaml(authored.text),
        )

    async def secrets_in(self, kind: DocumentKind, document: Document) -> TakenOut:
        """
        What `taken_out` finds in *document*.

        Raises:
            InvalidValueError: As it says.
        """
        return await run_off_loop(
            lambda: taken_out(kind, document.body, self.old_cipher.open),
            cost=2 * cost_of(document),
        )

    async def stored(self, kind: DocumentKind, document: Document) -> tuple[Document, TakenOut]:
        """
        *document* as the hub would store it today.

        Raises:
            InvalidValueError: As `apart` says.
        """
        return await run_off_loop(
            lambda: self._stored(kind, document), cost=cost_of_yaml(document.text)
        )

    def _stored(self, kind: DocumentKind, document: Document) -> tuple[Document, TakenOut]:
        found = taken_out(kind, document.body, self.old_cipher.open)
        return self._cleaned(kind, document, found), found

    def text_without_secrets(
        self, text: str, kind: DocumentKind, body: JsonObject, *others: SecretText
    ) -> str | None:
        """
        *text*, which stands for *body*, with references in place of secrets; run it off the loop.

        None if it cannot be stored because references make it too long. Comments that repeat a
        secret, one of *others* included, are removed.

        Raises:
            InvalidValueError: As `apart` says.
        """
        found = taken_out(kind, body, self.old_cipher.open)
        if not found.changed and not any(other.reveal() in text for other in others):
            return text
        try:
            return self._amended(text, found, *others)[0]
        except InvalidYamlError:
            return None

    def _cleaned(self, kind: DocumentKind, document: Document, found: TakenOut) -> Document:
        authored = document.authored
        if authored is None or (authored.exact and not found.changed):
            return Document.of(found.body, authored)
        try:
            if authored.exact:
                # In the order of the text, so that writing it again changes nothing.
                text, body = self._amended(authored.text, found)
                return Document.of(body, AuthoredYaml(text))
            # The data has changed since, and may be larger now than a text can be.
            kept = self.text_without_secrets(
                authored.text, kind, self.yaml.parse(authored.text), *found.plain.values()
            )
        except InvalidYamlError:
            # References make it too long to be read again, or it was written under other limits
            # and cannot be read at all.
            return Document.of(found.body)
        left = None if kept is None else AuthoredYaml(kept, exact=False)
        return Document.of(found.body, left)

    def _amended(self, text: str, found: TakenOut, *others: SecretText) -> tuple[str, JsonObject]:
        body = dict(found.body)
        amended = self.yaml.amend(text, body)
        rendered = self.yaml.render(body)
        for secret in (*found.plain.values(), *others):
            # A comment repeats the secret: drop all comments.
            if secret.reveal() in amended and secret.reveal() not in rendered:
                amended = rendered
        return amended, self.yaml.parse(amended)


async def _still_named(
    store: ConfigStore, owner: TenantArea, left_out: Mapping[CredentialRef, Fingerprint]
) -> dict[CredentialRef, Fingerprint]:
    # Those that a document names were probably forgotten.
    if not left_out:
        return {}
    revisions = await store.documents(owner.tenant, owner.domain)
    others = [revision.document for revision in revisions if revision.key.kind != CREDENTIALS]
    named = await run_off_loop(
        lambda: references_named_in(document.body for document in others), cost=cost_of(*others)
    )
    return {ref: mark for ref, mark in left_out.items() if str(ref) in named}


def _naming(
    tenant: TenantId,
    known: Mapping[str, Fingerprint],
    marks: Mapping[CredentialRef, Fingerprint],
) -> Document:
    found = {str(ref): mark for ref, mark in marks.items()}
    # Known references keep their place, so that writing the same again changes nothing.
    ordered = {ref: found[ref] for ref in [*known, *found] if ref in found}
    return with_fingerprints(tenant, ordered)
