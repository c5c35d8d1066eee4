"""
Merge Odoo's events into documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from itertools import islice

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_once
from odoo_ai_config.application.credentials.written import CredentialsWriter
from odoo_ai_config.application.off_loop import cost_of, cost_of_yaml, run_off_loop
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.retention import RetentionRules
from odoo_ai_config.application.similar_tenants import similar_tenants
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset, Claim
from odoo_ai_config.domain.documents.credentials import (
    NamedReference,
    fingerprints_in,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.merging import (
    MergedConfig,
    config_after,
    credentials_after,
    metadata_after,
)
from odoo_ai_config.domain.documents.revisions import (
    Revision,
    content_of,
    digests_of,
    successor,
    version_of,
)
from odoo_ai_config.domain.documents.syncs import CompanyMetadataSync, CredentialsSync
from odoo_ai_config.domain.event_times import STALE, believed, is_stale
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    METADATA,
    CredentialRef,
    TenantArea,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice, Outcome, WriteKind


@frozen(eq=False)
class SyncCredentials:
    """
    Merge a ``credentials_sync`` event into the tenant's config and seal its secrets.
    """

    store: ConfigStore
    standings: Standings
    credentials: CredentialsWriter
    retention: RetentionRules
    yaml: YamlCodec
    clock: Clock

    async def __call__(
        self,
        sync: CredentialsSync,
        *,
        caller: ApiKey,
        claim: Claim | None = None,
        event_at: datetime | None = None,
    ) -> Outcome:
        """
        Commit both documents together; commit nothing if nothing changed or the event is stale.

        Raises:
            InvalidYamlError: The event's settings text is not YAML.
            InvalidValueError: The settings hold too many secrets.
        """
        caller.require(Scope.WEBHOOK, sync.owner.tenant)
        open_token = self.credentials.old_cipher.open
        secrets = sync.secrets(open_token)
        settings: JsonObject | None = None
        if sync.settings_text is not None:
            given = sync.settings_text
            settings, text = await run_off_loop(
                lambda: self._read(given), cost=cost_of_yaml(given)
            )
            sync = evolve(sync, settings_text=text)
        config_key = sync.owner.document(CONFIG)
        credentials_key = sync.owner.document(CREDENTIALS)

        async def decide() -> tuple[Changeset, Outcome]:
            now = self.clock.now()
            current = await self.store.current((config_key, credentials_key))
            await self.standings.require_written_at(sync.owner, current.values())
            config, credentials = current.get(config_key), current.get(credentials_key)
            told_at = believed(event_at, now=now)
            if is_stale(told_at, *(revision.event_at for revision in current.values())):
                return _left(WriteKind.CREDENTIALS, sync.owner, current.values(), now)
            sealed = content_of(credentials)
            before = content_of(config)
            # The search for secrets takes longest.
            cost = 2 * cost_of(before, sealed, settings, sync.integrations)
            known, merged = await run_off_loop(
                lambda: (
                    fingerprints_in(sealed),
                    config_after(before, sync, settings, open_token=open_token),
                ),
                cost=cost,
            )
            sealing = await self.credentials.sealer(
                sync.owner,
                {**secrets, **merged.found.plain},
                known=known,
                at=now,
                named=merged.found.sealed,
            )
            fingerprints = {**merged.found.sealed, **sealing.fingerprints}
            document = await self._kept(before, merged)
            similar = await similar_tenants(
                self.store, sync.owner.tenant, caller=caller, new=not current
            )

            def conclude() -> tuple[Changeset, Outcome]:
                credentials_document = credentials_after(
                    sealed, sync.owner.tenant, fingerprints, merged.cleared
                )
                new_config = successor(
                    config, config_key, document, author=caller.id, at=now, event_at=told_at
                )
                new_credentials = successor(
                    credentials,
                    credentials_key,
                    credentials_document,
                    author=caller.id,
                    at=now,
                    event_at=told_at,
                )
                outcome = Outcome(
                    WriteKind.CREDENTIALS,
                    sync.owner,
                    {
                        "config": version_of(new_config or config),
                        "credentials": version_of(new_credentials or credentials),
                    },
                    changed=new_config is not None or new_credentials is not None,
                    at=now,
                    notices=(
                        *_missing(merged.references, known.keys() - merged.cleared, fingerprints),
                        *merged.found.notices,
                        *similar,
                    ),
                    digests=digests_of(
                        config=new_config or config, credentials=new_credentials or credentials
                    ),
                )
                changeset = Changeset(
                    revisions=tuple(r for r in (new_config, new_credentials) if r is not None),
                    **sealing.parts,
                )
                return changeset, outcome

            changeset, outcome = await run_off_loop(conclude, cost=cost)
            if merged.cleared:
                after = next(
                    (one for one in changeset.revisions if one.key == credentials_key), None
                )
                erased = await self.retention.erased_by(credentials, after)
                changeset = evolve(changeset, erased=erased)
            return changeset, outcome

        return await commit_once(self.store, claim, decide, caller.occasion)

    def _read(self, text: str) -> tuple[JsonObject, str | None]:
        settings = self.yaml.parse(text)
        return settings, self.credentials.text_without_secrets(text, CONFIG, settings)

    async def _kept(self, before: Document | None, merged: MergedConfig) -> Document:
        # The text may hold a secret from before the hub took secrets out.
        if merged.document.authored is None or before is None or not merged.found.anything:
            return merged.document
        if not (await self.credentials.secrets_in(CONFIG, before)).anything:
            return merged.document
        return await self.credentials.cleaned(CONFIG, merged.document, merged.found)


def _left(
    kind: WriteKind, owner: TenantArea, newer: Iterable[Revision], now: datetime
) -> tuple[Changeset, Outcome]:
    # Without digests: the source has not pushed what is stored.
    versions = {str(revision.key.kind): revision.version for revision in newer}
    return Changeset(), Outcome(kind, owner, versions, changed=False, at=now, notices=(STALE,))


def _missing(
    references: Iterable[NamedReference], known: Iterable[str], new: Iterable[CredentialRef]
) -> tuple[Notice, ...]:
    sealed = {*known, *(ref.value for ref in new)}
    missing = (reference for reference in references if reference.ref not in sealed)
    return tuple(
        Notice("missing_credential", reference.path) for reference in islice(missing, MOST_NOTICES)
    )


@frozen(eq=False)
class SyncCompanyMetadata:
    """
    Merge a ``company_metadata_sync`` event into the tenant's metadata document.
    """

    store: ConfigStore
    standings: Standings
    credentials: CredentialsWriter
    clock: Clock

    async def __call__(
        self,
        sync: CompanyMetadataSync,
        *,
        caller: ApiKey,
        claim: Claim | None = None,
        event_at: datetime | None = None,
    ) -> Outcome:
        """
        Commit the metadata; commit nothing if nothing changed or the event is stale.
        """
        caller.require(Scope.WEBHOOK, sync.owner.tenant)
        key = sync.owner.document(METADATA)
        beside = sync.owner.document(CREDENTIALS)

        async def decide() -> tuple[Changeset, Outcome]:
            now = self.clock.now()
            found = await self.store.current((key, beside))
            await self.standings.require_written_at(sync.owner, found.values())
            current = found.get(key)
            told_at = believed(event_at, now=now)
            if current is not None and is_stale(told_at, current.event_at):
                return _left(WriteKind.METADATA, sync.owner, (current,), now)
            before = content_of(current)
            apart = await self.credentials.apart(
                key,
                await run_off_loop(
                    partial(metadata_after, before, sync, self.credentials.old_cipher.open),
                    cost=cost_of(before, sync.body),
                ),
                found.get(beside),
                author=caller.id,
                at=now,
            )
            revision = successor(
                current, key, apart.document, author=caller.id, at=now, event_at=told_at
            )
            written = tuple(r for r in (revision, apart.credentials) if r is not None)
            similar = await similar_tenants(
                self.store, sync.owner.tenant, caller=caller, new=current is None
            )
            outcome = Outcome(
                WriteKind.METADATA,
                sync.owner,
                {"metadata": version_of(revision or current)},
                changed=bool(written),
                at=now,
                notices=(*apart.notices, *similar),
                digests=digests_of(metadata=revision or current),
            )
            return Changeset(revisions=written, **apart.sealing.parts), outcome

        return await commit_once(self.store, claim, decide, caller.occasion)
