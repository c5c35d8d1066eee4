from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from odoo_ai_config.application import errors as application
from odoo_ai_config.application.messages.intake import NO_ROUTE
from odoo_ai_config.application.messages.progress import Trouble
from odoo_ai_config.domain.conversations.answering import Silence
from odoo_ai_config.domain.messages import inbox
from odoo_ai_config.domain.messages.receiving import Ignored
from odoo_ai_config.entrypoints.http.platform.reasons import REASONS, SILENCES, reason_text
from odoo_ai_config.entrypoints.http.platform.texts import Language
from tests.source_tree import ROOT

PAGES = [ROOT / "docs" / name for name in ("chatwoot.md", "chatwoot.pt-BR.md")]


def reasons() -> Iterator[str]:
    """
    Every code that the hub itself gives a message as its reason.
    """
    yield from (one.value for kind in (Silence, Ignored, Trouble) for one in kind)
    yield from (getattr(inbox, name) for name in dir(inbox) if name.endswith("_REASON"))
    yield NO_ROUTE
    yield application.CrewUnavailableError.code
    yield application.ChatwootRefusedError.code


@pytest.mark.parametrize("code", sorted({*reasons()}))
def test_every_reason_has_words(code: str) -> None:
    portuguese = reason_text(code, Language.PORTUGUESE)
    english = reason_text(code, Language.ENGLISH)
    assert portuguese
    assert english
    assert portuguese != english


def test_reason_of_another_version_has_none() -> None:
    assert reason_text("of_another_version", Language.ENGLISH) is None
    assert reason_text(None, Language.ENGLISH) is None


def test_no_two_reasons_read_alike() -> None:
    for language in Language:
        told = [text.to(language) for text in SILENCES.values()]
        assert len({*told}) == len(told) == len(Silence)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("silence", Silence)
def test_page_has_the_words_of_every_silence(silence: Silence, page: Path) -> None:
    text = REASONS[silence.value]
    row = f"| `{silence.value}` | {text.english} | {text.portuguese} |"
    assert row in page.read_text("utf-8")
