from __future__ import annotations

import copy
import json
import pickle
import pprint
import traceback
from collections.abc import Callable
from io import StringIO

import attrs
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Attachment, Contact, ContactCard
from odoo_ai_config.domain.documents.diffing import ChangeKind, ValueChange
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.syncs import CredentialsSync, SocialAccount
from odoo_ai_config.domain.messages.outgoing import OutgoingFile, OutgoingMessage, Template
from tests.strategies import (
    answers,
    api_keys,
    company_metadata_syncs,
    credentials_syncs,
    crews,
    customer_messages,
    handovers,
    revisions,
    sealed_secrets,
    secret_texts,
    tenant_keys,
)

CANARY = "c4n4ry-5ecret"
SECRET = SecretText(CANARY)


def fields_of(value: object) -> str:
    return str(vars(value))


def fail(value: object) -> None:
    raise ValueError(value)


def crash(value: object) -> str:
    out = StringIO()
    try:
        fail(value)
    except ValueError as error:
        lines = traceback.TracebackException.from_exception(error, capture_locals=True)
        lines.print(file=out)
    return out.getvalue()


RENDERINGS: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "f-string": lambda value: f"{value} {value!r} {value!s} {value!a}",
    "format method": "{0} {0!r}".format,
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - logging formats so
    "pprint": lambda value: pprint.pformat([value]),
    "containers": lambda value: str({"key": [value], "more": (value,)}),
    "json": lambda value: json.dumps(value, default=str),
    "vars": lambda value: str(vars(value)),
    "asdict": lambda value: repr(attrs.asdict(value)),  # type: ignore[arg-type]
    "error": lambda value: repr(ValueError(value)),
    "traceback": crash,
    "old pickle": lambda value: pickle.dumps(value, protocol=0).decode("latin-1"),
    "pickle": lambda value: pickle.dumps(value).decode("latin-1"),
    "copy": lambda value: repr(copy.copy(value)),
    "deep copy": lambda value: repr(copy.deepcopy(value)),
}
LOGGED = ("repr", "str", "ascii", "format", "pprint", "json", "error", "traceback")


def rendered(render: Callable[[object], str], value: object) -> str:
    try:
        return render(value)
    except (TypeError, attrs.exceptions.NotAnAttrsClassError) as refusal:
        return str(refusal)


@pytest.mark.parametrize("form", RENDERINGS)
def test_no_rendering_shows_a_secret(form: str) -> None:
    assert CANARY not in rendered(RENDERINGS[form], SECRET)


@given(event=credentials_syncs(), social=st.sampled_from(["facebook", "instagram"]))
def test_no_rendering_of_an_event_shows_its_secrets(event: CredentialsSync, social: str) -> None:
    account = SocialAccount(social, {"app_id": "1"}, {"access_token": SECRET})
    event = evolve(event, password=SECRET, social=(account,))
    for form, render in RENDERINGS.items():
        for value in (event, account, event.secrets()):
            assert CANARY not in rendered(render, value), form


DOCUMENT = Document.of({"password": CANARY}, AuthoredYaml(f"password: {CANARY}"))
# Data that is not a secret by its type, but must not appear in logs.
confidential: list[st.SearchStrategy[object]] = [
    st.sampled_from([DOCUMENT, DOCUMENT.authored]),
    st.just(ValueChange(ChangeKind.CHANGED, "/x", CANARY, [CANARY])),
    revisions().map(lambda revision: Changeset(revisions=(evolve(revision, document=DOCUMENT),))),
    credentials_syncs().map(
        lambda sync: evolve(sync, integrations={"x": CANARY}, settings_text=CANARY)
    ),
    company_metadata_syncs().map(lambda sync: evolve(sync, body={"x": CANARY})),
    sealed_secrets().map(lambda sealed: evolve(sealed, envelope=CANARY.encode())),
    tenant_keys().map(lambda key: evolve(key, wrapped=CANARY.encode())),
    api_keys().map(lambda key: evolve(key, digest=CANARY.encode())),
    crews().map(lambda crew: evolve(crew, url=f"https://crew.example/?token={CANARY}")),
    answers().map(
        lambda answer: evolve(
            answer,
            messages=(
                OutgoingMessage(CANARY),
                OutgoingMessage(None, attachments=(OutgoingFile(f"https://x/{CANARY}", CANARY),)),
                OutgoingMessage("x", content_type="article", items=({"title": CANARY},)),
                OutgoingMessage(None, template=Template("x", "pt_BR", None, {"1": CANARY})),
            ),
            custom_attributes={"x": CANARY},
        )
    ),
    handovers().map(lambda handover: evolve(handover, note=CANARY)),
    customer_messages().map(
        lambda message: evolve(
            message,
            text=CANARY,
            contact=Contact(CANARY, CANARY, CANARY, CANARY, CANARY, CANARY),
            attachments=(
                Attachment("audio", CANARY, CANARY, transcription=CANARY),
                Attachment("contact", contact=ContactCard(CANARY, (CANARY,))),
            ),
            quoted=CANARY,
            previous_text=CANARY,
            submitted_values=({"value": CANARY},),
            submitted_email=CANARY,
            conversation=evolve(message.conversation, custom_attributes={"x": CANARY}),
        )
    ),
]


@given(st.one_of(confidential))
def test_no_log_line_has_confidential_data(value: object) -> None:
    for form in LOGGED:
        assert CANARY not in RENDERINGS[form](value), form


@given(secret_texts(), secret_texts())
def test_secrets_compare_by_their_text_and_reveal_it(one: SecretText, other: SecretText) -> None:
    assert (one == other) == (one.reveal() == other.reveal())
    assert SecretText(one.reveal()) == one
    assert hash(SecretText(one.reveal())) == hash(one)
    assert one != one.reveal()


@given(secret_texts(), secret_texts())
def test_every_secret_looks_the_same(one: SecretText, other: SecretText) -> None:
    assert (repr(one), str(one), f"{one}") == (repr(other), str(other), f"{other}")


@given(secret_texts(), st.text(max_size=5))
def test_no_format_shows_a_secret(secret: SecretText, spec: str) -> None:
    assert format(secret, spec) == "***"


@pytest.mark.parametrize("name", ["text", "_text", "__text", "__dict__"])
def test_secret_has_no_attribute_by_a_name_that_one_would_guess(name: str) -> None:
    assert not hasattr(SECRET, name)
