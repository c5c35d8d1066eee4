from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from odoo_ai_config.adapters.memory.old_cipher import MemoryOldCipher
from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.changes import AuditAction, Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.documents.syncs import (
    CompanyMetadataSync,
    CredentialsSync,
    OdooConnection,
    SocialAccount,
)
from odoo_ai_config.domain.errors import (
    EncryptedValueError,
    InvalidValueError,
    UnknownFingerprintError,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CREWS,
    HUB,
    METADATA,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
)
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.outcomes import Notice, Outcome
from tests.contract.samples import owner
from tests.property.credentials.test_plain_secrets import Planted, planted
from tests.unit.application.memory_hub import ANYBODY, MemoryHub, write

OWNER = owner()
CONFIG_KEY = OWNER.document(CONFIG)
SMTP: JsonObject = {"host": "mail", "password": "c4n4ry", "port": 25}
REF = "config:integrations.smtp.password"
SEALED = {"host": "mail", "password_ref": REF, "port": 25}
OLD_CIPHERTEXT = "ENC:" + urlsafe_b64encode(b"\x80" + bytes(24 + 32 + 32)).decode()


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub(yaml=RuamelYamlCodec())


def event(**members: Any) -> CredentialsSync:
    return evolve(CredentialsSync(OWNER, CredentialRef("token-1")), **members)


async def opened(hub: MemoryHub, ref: str = REF) -> str:
    return (await hub.reveal_credential(OWNER, CredentialRef(ref), caller=ANYBODY)).reveal()


async def smtp(hub: MemoryHub) -> object:
    integrations = (await hub.body(CONFIG_KEY))["integrations"]
    assert isinstance(integrations, dict)
    return integrations["smtp"]


def stored_text(hub: MemoryHub) -> str:
    histories = hub.state.histories.values()
    documents = [revision.document for history in histories for revision in history]
    texts = [document.authored.text for document in documents if document.authored is not None]
    return "\n".join([*(document.text for document in documents), *texts])


async def by_event(hub: MemoryHub, body: JsonObject) -> Outcome:
    return await hub.sync_credentials(event(integrations=body["integrations"]), caller=ANYBODY)


async def by_event_with_yaml(hub: MemoryHub, body: JsonObject) -> Outcome:
    return await hub.sync_credentials(
        event(settings_text=hub.ports.yaml.render(body)), caller=ANYBODY
    )


async def by_publishing(hub: MemoryHub, body: JsonObject) -> Outcome:
    return (
        await hub.publish_document(write(CONFIG_KEY), text=hub.ports.yaml.render(body))
    ).outcome


async def by_patching(hub: MemoryHub, body: JsonObject) -> Outcome:
    if CONFIG_KEY not in hub.state.histories:
        await hub.publish_document(write(CONFIG_KEY), text="# ours\na: 1\n")
    return (await hub.patch_document(write(CONFIG_KEY), patch=body)).outcome


WAYS = [by_event, by_event_with_yaml, by_publishing, by_patching]
Way = Callable[[MemoryHub, JsonObject], Awaitable[Outcome]]


@pytest.mark.parametrize("way", WAYS)
async def test_password_amid_settings_is_sealed_at_its_place(hub: MemoryHub, way: Way) -> None:
    outcome = await way(hub, {"integrations": {"smtp": SMTP}})
    assert await smtp(hub) == SEALED
    assert await opened(hub) == "c4n4ry"
    assert "c4n4ry" not in stored_text(hub)
    assert outcome.versions["credentials"] == 1
    assert [notice for notice in outcome.notices if notice.code != "missing_credential"] == []


@pytest.mark.parametrize("way", WAYS)
async def test_the_same_again_makes_no_version(hub: MemoryHub, way: Way) -> None:
    await way(hub, {"integrations": {"smtp": SMTP}})
    before = {key: history[-1] for key, history in hub.state.histories.items()}
    again = await way(hub, {"integrations": {"smtp": SMTP}})
    assert not again.changed
    assert {key: history[-1] for key, history in hub.state.histories.items()} == before
    assert len(hub.state.secrets) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_another_password_makes_a_version_of_the_credentials_alone(
    hub: MemoryHub, way: Way
) -> None:
    await way(hub, {"integrations": {"smtp": SMTP}})
    version = hub.state.histories[CONFIG_KEY][-1].version
    outcome = await way(hub, {"integrations": {"smtp": {**SMTP, "password": "c4n4ry-2"}}})
    assert outcome.changed
    assert outcome.versions == {"config": version, "credentials": 2}
    assert await opened(hub) == "c4n4ry-2"


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_read_can_be_written_back(hub: MemoryHub, way: Way) -> None:
    await way(hub, {"integrations": {"smtp": SMTP}})
    outcome = await by_patching(hub, await hub.body(CONFIG_KEY))
    assert not outcome.changed
    await by_publishing(hub, await hub.body(CONFIG_KEY))
    assert await smtp(hub) == SEALED
    assert await opened(hub) == "c4n4ry"


@pytest.mark.parametrize("way", WAYS)
async def test_ciphertext_of_the_replaced_server_is_refused(hub: MemoryHub, way: Way) -> None:
    await by_patching(hub, {"a": 2})
    before = stored_text(hub)
    with pytest.raises(EncryptedValueError) as caught:
        await way(hub, {"integrations": {"smtp": {"password": OLD_CIPHERTEXT}}})
    assert caught.value.field == "integrations.smtp.password"
    assert stored_text(hub) == before


@pytest.mark.parametrize("way", WAYS)
async def test_what_cannot_be_sealed_is_told(hub: MemoryHub, way: Way) -> None:
    outcome = await way(hub, {"integrations": {"x": {"tokens": ["t"], "password": 5}}})
    assert Notice("unsealed_secret", "integrations.x.tokens") in outcome.notices
    assert Notice("unsealed_secret", "integrations.x.password") in outcome.notices


@given(planted())
async def test_each_secret_comes_back_by_its_reference(given: Planted) -> None:
    hub = MemoryHub(yaml=RuamelYamlCodec())
    await by_publishing(hub, given.body)
    assert [canary for canary in given.canaries if canary in stored_text(hub)] == []
    current = hub.state.histories.get(OWNER.document(CREDENTIALS))
    names = current[-1].document.body["credentials"] if current else {}
    assert isinstance(names, dict)
    values = [await opened(hub, ref) for ref in names]
    assert all(any(canary in value for value in values) for canary in given.canaries)
    assert not (await by_publishing(hub, given.body)).changed


async def test_fields_of_an_event_that_are_ciphertext_are_refused(hub: MemoryHub) -> None:
    social = SocialAccount("facebook", {}, {"app_secret": SecretText(OLD_CIPHERTEXT)})
    for field, sync in (
        ("odoo_password", event(password=SecretText(OLD_CIPHERTEXT))),
        ("facebook_app_secret", event(social=(social,))),
        (
            "facebook_app_id",
            event(social=(SocialAccount("facebook", {"app_id": OLD_CIPHERTEXT}),)),
        ),
        ("name", event(name=OLD_CIPHERTEXT)),
        ("odoo_username", event(odoo=OdooConnection(username=OLD_CIPHERTEXT))),
        ("enabled_collections.1", event(enabled_collections=("a", OLD_CIPHERTEXT))),
        ("token", event(token=CredentialRef(OLD_CIPHERTEXT))),
    ):
        with pytest.raises(EncryptedValueError) as caught:
            await hub.sync_credentials(sync, caller=ANYBODY)
        assert caught.value.field == field
    assert hub.state.histories == {}


async def test_ciphertext_in_a_credentials_document_is_refused(hub: MemoryHub) -> None:
    key = OWNER.document(CREDENTIALS)
    text = json.dumps({"credentials": {"t1": OLD_CIPHERTEXT}})
    with pytest.raises(EncryptedValueError) as caught:
        await hub.publish_document(write(key), text=text)
    assert caught.value.field == "credentials.t1"


@pytest.fixture
def old_hub() -> MemoryHub:
    """
    A hub with the key of the replaced server.
    """
    token = OLD_CIPHERTEXT.removeprefix("ENC:").encode()
    return MemoryHub(yaml=RuamelYamlCodec(), old_cipher=MemoryOldCipher({token: "c4n4ry"}))


@pytest.mark.parametrize("way", WAYS)
async def test_ciphertext_of_the_replaced_server_is_opened_and_sealed(
    old_hub: MemoryHub, way: Way
) -> None:
    settings: JsonObject = {"integrations": {"smtp": {**SMTP, "password": OLD_CIPHERTEXT}}}
    outcome = await way(old_hub, settings)
    assert await smtp(old_hub) == SEALED
    assert await opened(old_hub) == "c4n4ry"
    assert "c4n4ry" not in stored_text(old_hub)
    assert "ENC:" not in stored_text(old_hub)
    assert not [notice for notice in outcome.notices if notice.code == "unsealed_secret"]
    assert not (await way(old_hub, settings)).changed


async def test_metadata_that_is_ciphertext_is_opened_and_sealed(old_hub: MemoryHub) -> None:
    sync = CompanyMetadataSync(OWNER, {"api": {"token": OLD_CIPHERTEXT}})
    await old_hub.sync_company_metadata(sync, caller=ANYBODY)
    assert await opened(old_hub, "metadata:api.token") == "c4n4ry"


async def test_secrets_of_an_event_that_are_ciphertext_are_opened(old_hub: MemoryHub) -> None:
    social = SocialAccount("facebook", {}, {"app_secret": SecretText(OLD_CIPHERTEXT)})
    sync = event(password=SecretText(OLD_CIPHERTEXT), social=(social,))
    await old_hub.sync_credentials(sync, caller=ANYBODY)
    assert await opened(old_hub, "token-1") == "c4n4ry"
    assert await opened(old_hub, f"fb_secret_{OWNER.tenant}") == "c4n4ry"


async def test_ciphertext_in_a_credentials_document_is_opened(old_hub: MemoryHub) -> None:
    key = OWNER.document(CREDENTIALS)
    text = json.dumps({"credentials": {"t1": OLD_CIPHERTEXT, "t2": "ENC:plain", "t3": "x"}})
    outcome = (await old_hub.publish_document(write(key), text=text)).outcome
    assert await opened(old_hub, "t1") == "c4n4ry"
    assert await opened(old_hub, "t2") == "plain"
    assert outcome.notices == (Notice("old_mark_dropped", "credentials.t2"),)


async def test_stored_ciphertext_is_sealed_by_the_next_write_and_by_the_command(
    old_hub: MemoryHub,
) -> None:
    await left_behind(old_hub, old(OLD_CIPHERTEXT), old(OLD_CIPHERTEXT))
    assert (await old_hub.seal_stored_secrets.search(10)).found == CONFIG_KEY
    await by_patching_another(old_hub)
    assert await opened(old_hub) == "c4n4ry"
    report = await old_hub.seal_stored_secrets(caller=ANYBODY)
    assert (report.unsealed, report.refused) == ([], [])
    assert OLD_CIPHERTEXT not in stored_text(old_hub)


async def test_comments_and_order_survive_and_the_secret_does_not(hub: MemoryHub) -> None:
    text = (
        "# by Ana\n"
        "integrations:\n"
        "  smtp:\n"
        "    host: mail   # ours\n"
        "    'password': 'c4n4ry'  # ask Ana\n"
        "    port: 25\n"
        '  redis: {"url": "redis://u:c4n4ry@h", prefix: x}\n'
        "  only:\n"
        "    token: c4n4ry\n"
    )
    expected = (
        "# by Ana\n"
        "integrations:\n"
        "  smtp:\n"
        "    host: mail   # ours\n"
        f"    'password_ref': '{REF}'  # ask Ana\n"
        "    port: 25\n"
        '  redis: {"url_ref": "config:integrations.redis.url", prefix: x}\n'
        "  only:\n"
        "    token_ref: config:integrations.only.token\n"
    )
    await hub.publish_document(write(CONFIG_KEY), text=text)
    document = hub.state.histories[CONFIG_KEY][-1].document
    assert document.authored == AuthoredYaml(expected)
    assert not (await hub.publish_document(write(CONFIG_KEY), text=expected)).outcome.changed


async def test_comment_that_repeats_the_secret_goes(hub: MemoryHub) -> None:
    await hub.publish_document(write(CONFIG_KEY), text="a: 1 # was c4n4ry\npassword: c4n4ry\n")
    assert "c4n4ry" not in stored_text(hub)
    assert (await hub.body(CONFIG_KEY))["a"] == 1


async def test_sealed_form_keeps_the_value_that_lies_there(hub: MemoryHub) -> None:
    await by_publishing(hub, {"integrations": {"smtp": SMTP}})
    marks = (await hub.body(OWNER.document(CREDENTIALS)))["credentials"]
    assert isinstance(marks, dict)
    written: JsonObject = {"integrations": {"smtp": {**SMTP, "password": marks[REF]}}}
    assert not (await by_publishing(hub, written)).changed
    with pytest.raises(UnknownFingerprintError):
        await by_publishing(hub, {"other": {"password": marks[REF]}})


async def test_crews_are_sealed_and_still_read(hub: MemoryHub) -> None:
    key = OWNER.document(CREWS)
    crew = {"type": "http", "url": "https://crew.example/?token=c4n4ry", "secret": "whsec_x"}
    outcome = (
        await hub.publish_document(write(key), text=json.dumps({"crews": {"sales": crew}}))
    ).outcome
    assert outcome.notices == (Notice("unsealed_secret", "crews.sales.url"),)
    assert await opened(hub, "crews:crews.sales.secret") == "whsec_x"


async def test_company_metadata_event_is_sealed_too(hub: MemoryHub) -> None:
    body: JsonObject = {"online_presence": {"website": "https://u:c4n4ry@shop.example"}}
    sync = CompanyMetadataSync(OWNER, body)
    first = await hub.sync_company_metadata(sync, caller=ANYBODY)
    again = await hub.sync_company_metadata(sync, caller=ANYBODY)
    assert (first.changed, again.changed) == (True, False)
    assert "c4n4ry" not in stored_text(hub)
    assert await opened(hub, "metadata:online_presence.website") == "https://u:c4n4ry@shop.example"


# Documents from before secrets were taken out of them.


async def left_behind(
    hub: MemoryHub,
    *documents: Document,
    kind: DocumentKind = CONFIG,
    of: TenantArea = OWNER,
) -> DocumentKey:
    key = of.document(kind)
    now = hub.clock.now()
    for number, document in enumerate(documents, 1):
        revision = Revision(key, number, document, now, now, "before")
        await hub.ports.store.commit(Changeset(revisions=(revision,)))
    return key


def old(password: str, *, text: str | None = None, exact: bool = True) -> Document:
    authored = None if text is None else AuthoredYaml(text, exact)
    return Document.of({"integrations": {"smtp": {"password": password}}}, authored)


YAML = "integrations: # ours\n  smtp:\n    password: {}\n"


async def test_event_seals_what_lay_there_in_clear(hub: MemoryHub) -> None:
    await left_behind(hub, old("c4n4ry", text=YAML.format("c4n4ry")))
    await hub.sync_credentials(event(name="New"), caller=ANYBODY)
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored is not None
    assert "c4n4ry" not in newest.text + newest.authored.text
    assert "# ours" in newest.authored.text
    assert await opened(hub) == "c4n4ry"


async def test_event_with_a_password_leaves_an_authored_text_alone(hub: MemoryHub) -> None:
    await hub.publish_document(write(CONFIG_KEY), text="# ours\na: 1\n")
    await by_event(hub, {"integrations": {"smtp": SMTP}})
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored == AuthoredYaml("# ours\na: 1\n", exact=False)


async def test_rollback_brings_no_secret_back(hub: MemoryHub) -> None:
    await left_behind(hub, old("c4n4ry", text=YAML.format("c4n4ry")), old("c4n4ry-2"))
    await hub.roll_back_document(write(CONFIG_KEY), version=1)
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored == AuthoredYaml(
        "integrations: # ours\n  smtp:\n    password_ref: config:integrations.smtp.password\n"
    )
    assert await opened(hub) == "c4n4ry"


async def test_stored_secrets_are_sealed_through_the_whole_history(hub: MemoryHub) -> None:
    documents = [
        Document.of({"gone": {"token": "c4n4ry-gone"}}),
        *(old(f"c4n4ry-{number}", text=YAML.format(f"c4n4ry-{number}")) for number in range(120)),
    ]
    await left_behind(hub, *documents)
    await left_behind(hub, Document.of({"a": 1}), kind=METADATA)
    search = await hub.seal_stored_secrets.search(10)
    assert (search.found, search.searched, search.complete) == (CONFIG_KEY, 1, False)
    done: list[int] = []
    report = await hub.seal_stored_secrets(caller=ANYBODY, on_progress=done.append)
    assert (report.documents, report.revisions, done) == (1, 121, [1, 2])
    assert "c4n4ry" not in stored_text(hub)
    history = hub.state.histories[CONFIG_KEY]
    assert [revision.version for revision in history] == list(range(1, 123))
    assert [revision.author for revision in history] == ["before"] * 121 + [ANYBODY.id]
    assert await opened(hub) == "c4n4ry-119"
    assert await opened(hub, "config:gone.token") == "c4n4ry-gone"
    entries = [e for e in hub.state.audit if e.action is AuditAction.STORED_SECRETS_SEALED]
    assert len(entries) == 122
    assert str(entries[0].subject) == f"{CONFIG_KEY} v121"
    search = await hub.seal_stored_secrets.search(10_000)
    assert (search.found, search.complete) == (None, True)
    again = await hub.seal_stored_secrets(caller=ANYBODY)
    assert (again.documents, again.revisions) == (0, 0)
    assert len(hub.state.audit) == len(entries) + 2


async def test_search_ends_where_it_is_told(hub: MemoryHub) -> None:
    await left_behind(hub, *(Document.of({"a": number}) for number in range(5)))
    search = await hub.seal_stored_secrets.search(3)
    assert (search.found, search.searched, search.complete) == (None, 3, False)


async def test_text_that_the_data_has_left_behind_is_sealed_too(hub: MemoryHub) -> None:
    document = Document.of({"a": 1}, AuthoredYaml("a: 2\npassword: c4n4ry\n", exact=False))
    key = await left_behind(hub, document, Document.of({"b": 1}, document.authored))
    await hub.seal_stored_secrets(caller=ANYBODY)
    assert "c4n4ry" not in stored_text(hub)
    assert [revision.document.body for revision in hub.state.histories[key]] == [
        {"a": 1},
        {"b": 1},
        {"b": 1},
    ]


async def test_text_that_cannot_be_read_any_more_goes(hub: MemoryHub) -> None:
    document = Document.of({"a": 1}, AuthoredYaml("a: [c4n4ry\n", exact=False))
    await left_behind(hub, document)
    await hub.seal_stored_secrets(caller=ANYBODY)
    assert hub.state.histories[CONFIG_KEY][-1].document == Document.of({"a": 1})


async def test_deleted_documents_keep_no_secret_in_their_history(hub: MemoryHub) -> None:
    await left_behind(hub, old("c4n4ry"))
    await hub.delete_document(write(CONFIG_KEY))
    report = await hub.seal_stored_secrets(caller=ANYBODY)
    assert (report.documents, report.revisions) == (0, 1)
    assert "c4n4ry" not in stored_text(hub)
    await hub.roll_back_document(write(CONFIG_KEY), version=1)
    assert await opened(hub) == "c4n4ry"


async def test_what_cannot_be_sealed_is_reported_and_left(hub: MemoryHub) -> None:
    mask = "sealed:" + "0" * 32
    await left_behind(hub, old("c4n4ry"), old(mask), old(mask))
    await left_behind(hub, Document.of({"password": 5}), kind=METADATA)
    report = await hub.seal_stored_secrets(caller=ANYBODY)
    assert report.refused == [str(CONFIG_KEY), f"{CONFIG_KEY} v2"]
    assert report.unsealed == [f"{OWNER.document(METADATA)} password"]
    assert "c4n4ry" not in stored_text(hub)


async def test_too_many_stored_secrets_are_reported_and_left(hub: MemoryHub) -> None:
    crowded = Document.of({f"a{number}": {"password": "x"} for number in range(201)})
    await left_behind(hub, crowded, Document.of({"a": 1}))
    assert (await hub.seal_stored_secrets.search(10)).found == CONFIG_KEY
    assert (await hub.seal_stored_secrets(caller=ANYBODY)).refused == [f"{CONFIG_KEY} v1"]


async def by_event_without_it(hub: MemoryHub) -> Outcome:
    return await hub.sync_credentials(event(name="New"), caller=ANYBODY)


async def by_patching_another(hub: MemoryHub) -> Outcome:
    return (
        await hub.patch_document(write(CONFIG_KEY), patch={"integrations": {"smtp": {"port": 25}}})
    ).outcome


async def by_rolling_back(hub: MemoryHub) -> Outcome:
    return (await hub.roll_back_document(write(CONFIG_KEY), version=1)).outcome


@pytest.mark.parametrize("writing", [by_event_without_it, by_patching_another, by_rolling_back])
async def test_stored_ciphertext_of_the_old_server_blocks_no_write(
    hub: MemoryHub, writing: Callable[[MemoryHub], Awaitable[Outcome]]
) -> None:
    await left_behind(hub, old(OLD_CIPHERTEXT), old(OLD_CIPHERTEXT + " "))
    outcome = await writing(hub)
    assert outcome.changed
    assert outcome.notices[-1] == Notice("unsealed_secret", "integrations.smtp.password")


async def test_ciphertext_that_lay_there_is_no_secret_in_clear(hub: MemoryHub) -> None:
    await left_behind(hub, old(OLD_CIPHERTEXT), old(OLD_CIPHERTEXT))
    assert (await hub.seal_stored_secrets.search(10)).found is None
    report = await hub.seal_stored_secrets(caller=ANYBODY)
    assert (report.documents, report.revisions, report.refused) == (0, 0, [])
    assert report.unsealed == [f"{CONFIG_KEY} integrations.smtp.password"]
    assert hub.state.audit == []


async def test_settings_of_the_hub_itself_are_left_alone(hub: MemoryHub) -> None:
    await left_behind(hub, old("c4n4ry"), of=evolve(OWNER, tenant=HUB))
    assert (await hub.seal_stored_secrets(caller=ANYBODY)).documents == 0


async def test_too_many_secrets_are_refused(hub: MemoryHub) -> None:
    body: JsonObject = {f"a{number}": {"password": "x"} for number in range(201)}
    with pytest.raises(InvalidValueError):
        await by_publishing(hub, body)


@pytest.mark.parametrize("way", WAYS)
async def test_large_settings_are_sealed_as_small_ones(hub: MemoryHub, way: Way) -> None:
    await way(hub, {"integrations": {"smtp": SMTP, "x": {"y": "z" * 10_000}}})
    assert await smtp(hub) == SEALED
    assert await opened(hub) == "c4n4ry"


# The current value of a place, and the value sealed there before.

MAIL_KEY = OWNER.document(DocumentKind("mail"))
STALE: JsonObject = {"u_ref": "mail:u", "u": "redis://h2"}


@pytest.mark.parametrize("text", ["u: redis://x:pw@h1\n", "# ours\nu: redis://x:pw@h1\n"])
async def test_patching_a_value_in_clear_takes_its_old_reference_away(
    hub: MemoryHub, text: str
) -> None:
    await hub.publish_document(write(MAIL_KEY), text=text)
    assert await hub.body(MAIL_KEY) == {"u_ref": "mail:u"}
    await hub.patch_document(write(MAIL_KEY), patch={"u": "redis://h2"})
    assert await hub.body(MAIL_KEY) == {"u": "redis://h2"}
    assert not (
        await hub.patch_document(write(MAIL_KEY), patch={"u": "redis://h2"})
    ).outcome.changed


async def test_a_number_in_the_place_of_a_password_takes_its_reference_away(
    hub: MemoryHub,
) -> None:
    await by_publishing(hub, {"smtp": {"host": "mail", "password": "c4n4ry"}})
    outcome = await by_patching(hub, {"smtp": {"password": 12345678}})
    assert await hub.body(CONFIG_KEY) == {"smtp": {"host": "mail", "password": 12345678}}
    assert outcome.notices == (Notice("unsealed_secret", "smtp.password"),)


async def test_publishing_both_keeps_the_value_and_makes_no_credentials(hub: MemoryHub) -> None:
    text = "# ours\nu_ref: mail:u\nu: redis://h2 # by Ana\n"
    await hub.publish_document(write(MAIL_KEY), text=text)
    newest = hub.state.histories[MAIL_KEY][-1].document
    assert newest == Document.of(
        {"u": "redis://h2"}, AuthoredYaml("# ours\nu: redis://h2 # by Ana\n")
    )
    assert OWNER.document(CREDENTIALS) not in hub.state.histories
    assert not (await hub.publish_document(write(MAIL_KEY), text=text)).outcome.changed


async def test_company_metadata_in_clear_takes_its_old_reference_away(hub: MemoryHub) -> None:
    for site in ("https://u:c4n4ry@shop.example", "https://shop.example"):
        await hub.sync_company_metadata(CompanyMetadataSync(OWNER, {"site": site}), caller=ANYBODY)
    body = await hub.body(OWNER.document(METADATA))
    assert (body.get("site"), body.get("site_ref")) == ("https://shop.example", None)


@pytest.mark.parametrize("exact", [True, False])
async def test_old_references_beside_values_in_clear_are_taken_from_what_lay_there(
    hub: MemoryHub, *, exact: bool
) -> None:
    text = "u_ref: mail:u\nu: redis://h2 # ours\n"
    document = Document.of(STALE, AuthoredYaml(text, exact))
    await left_behind(hub, document, document, kind=MAIL_KEY.kind)
    assert (await hub.seal_stored_secrets.search(10)).found == MAIL_KEY
    await hub.seal_stored_secrets(caller=ANYBODY)
    cleaned = Document.of({"u": "redis://h2"}, AuthoredYaml("u: redis://h2 # ours\n", exact))
    history = hub.state.histories[MAIL_KEY]
    assert [revision.document for revision in history] == [cleaned] * 3


# Documents larger than the largest text that a client may send.

LARGEST_TEXT = 256 * 1024


async def test_a_document_larger_than_a_text_may_be_takes_a_secret(hub: MemoryHub) -> None:
    await hub.publish_document(write(CONFIG_KEY), text="# ours\nk: 1\n")
    await by_patching(hub, {"rows": ["x" * 90] * 3500})
    outcome = await by_patching(hub, {"smtp": {"password": "p"}})
    assert outcome.changed
    body = await hub.body(CONFIG_KEY)
    assert body["smtp"] == {"password_ref": "config:smtp.password"}
    assert await opened(hub, "config:smtp.password") == "p"
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored == AuthoredYaml("# ours\nk: 1\n", exact=False)


def full_text() -> str:
    text = "smtp:\n  password: c4n4ry # ours\nrows: "
    return text + "x" * (LARGEST_TEXT - len(text) - 1) + "\n"


async def test_a_text_that_references_make_too_long_goes(hub: MemoryHub) -> None:
    await hub.publish_document(write(CONFIG_KEY), text=full_text())
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored is None
    assert newest.body["smtp"] == {"password_ref": "config:smtp.password"}
    assert not (await hub.publish_document(write(CONFIG_KEY), text=full_text())).outcome.changed
    await by_patching(hub, {"smtp": {"port": 25}})


async def test_a_text_of_an_event_that_references_make_too_long_goes(hub: MemoryHub) -> None:
    await hub.sync_credentials(event(settings_text=full_text()), caller=ANYBODY)
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored is None
    assert newest.body["smtp"] == {"password_ref": "config:smtp.password"}


@pytest.mark.parametrize("exact", [True, False])
async def test_a_stored_text_that_references_make_too_long_goes(
    hub: MemoryHub, *, exact: bool
) -> None:
    text = full_text()
    await left_behind(hub, Document.of(hub.ports.yaml.parse(text), AuthoredYaml(text, exact)))
    report = await hub.seal_stored_secrets(caller=ANYBODY)
    assert (report.documents, report.refused) == (1, [])
    assert "c4n4ry" not in stored_text(hub)


async def test_comment_on_what_is_patched_in_goes(hub: MemoryHub) -> None:
    await hub.publish_document(write(CONFIG_KEY), text="a: 1 # was c4n4ry\n")
    await by_patching(hub, {"password": "c4n4ry"})
    newest = hub.state.histories[CONFIG_KEY][-1].document
    assert newest.authored == AuthoredYaml("a: 1\n", exact=False)


async def test_a_secret_that_an_alias_repeats_is_sealed_at_each_place(hub: MemoryHub) -> None:
    await hub.publish_document(
        write(CONFIG_KEY), text="plain: &p c4n4ry-1  # ours\npassword: *p\nother: c4n4ry-1\n"
    )
    assert "c4n4ry" not in stored_text(hub)
    assert await hub.body(CONFIG_KEY) == {
        f"{name}_ref": f"config:{name}" for name in ("plain", "password", "other")
    }
    assert await opened(hub, "config:other") == "c4n4ry-1"


@pytest.mark.parametrize("way", WAYS)
async def test_the_value_of_a_header_that_says_secret_is_sealed(hub: MemoryHub, way: Way) -> None:
    headers: list[Any] = [
        {"name": "Accept", "value": "json"},
        {"name": "X-Api-Key", "value": "c4n4ry"},
    ]
    await way(hub, {"integrations": {"headers": headers}})
    assert "c4n4ry" not in stored_text(hub)
    integrations: Any = (await hub.body(CONFIG_KEY))["integrations"]
    first, second = integrations["headers"]
    assert first == headers[0]
    assert await opened(hub, second["value_ref"]) == "c4n4ry"
    assert not (await way(hub, {"integrations": {"headers": headers}})).changed
