from __future__ import annotations

from odoo_ai_config.application.errors import InvalidKeyRingError, StoreUnavailableError


def test_error_says_what_its_class_says() -> None:
    assert str(StoreUnavailableError()).startswith("The store does not answer")


def test_advice_is_what_an_operator_reads() -> None:
    assert str(InvalidKeyRingError("execute: chmod 600")) == "execute: chmod 600"
