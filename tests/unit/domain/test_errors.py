from __future__ import annotations

import copy
import pickle

import pytest

from odoo_ai_config.domain import errors
from odoo_ai_config.domain.access import Scope, ScopeMissingError
from odoo_ai_config.domain.addresses import AddressMismatchError
from odoo_ai_config.domain.channels.mapping import ChannelOwnedError
from odoo_ai_config.domain.errors import DomainError
from odoo_ai_config.domain.feed import FeedCompactedError
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.messages.inbox import Stage, WrongStageError
from odoo_ai_config.domain.tenants import (
    AreaMovedError,
    MoveTooLargeError,
    TenantErasedError,
    TenantRenamedError,
    TenantSuspendedError,
)
from tests.source_tree import domain_errors

CANARY = "canary-7f3a"
TENANT = TenantId(CANARY)
ARGUMENTS: dict[type[DomainError], tuple[object, ...]] = {
    AddressMismatchError: ("_model",),
    errors.AmbiguousMappingError: ("inboxes",),
    errors.EncryptedValueError: ("odoo_password",),
    errors.InvalidValueError: ("mapping.sequence", "integer"),
    errors.InvalidYamlError: (3, 7),
    errors.PreconditionFailedError: (4711,),
    errors.DocumentDeletedError: (4711,),
    ChannelOwnedError: (TENANT, TENANT),
    ScopeMissingError: (Scope.ADMIN,),
    WrongStageError: (Stage.DONE,),
    AreaMovedError: (TenantArea(TENANT, BusinessArea()),),
    MoveTooLargeError: (4711,),
    FeedCompactedError: ("4711",),
    TenantErasedError: (TENANT,),
    TenantRenamedError: (TENANT, TENANT),
    TenantSuspendedError: (TENANT,),
}


@pytest.mark.parametrize("error", domain_errors())
def test_message_is_a_sentence_without_values(error: type[DomainError]) -> None:
    message = str(error(*ARGUMENTS.get(error, ())))
    assert message.endswith((".", "?"))
    assert "\n" not in message
    assert CANARY not in message
    assert "4711" not in message


@pytest.mark.parametrize("error", domain_errors())
def test_error_survives_copying_and_pickling(error: type[DomainError]) -> None:
    raised = error(*ARGUMENTS.get(error, ()))
    for twin in (copy.copy(raised), pickle.loads(pickle.dumps(raised))):
        assert type(twin) is error
        assert vars(twin) == vars(raised)


def test_invalid_value_names_field_and_rule() -> None:
    assert str(errors.InvalidValueError("mapping.sequence", "integer")) == (
        "mapping.sequence does not follow the rule 'integer'."
    )
    assert str(errors.InvalidValueError("kinds", "feed_kind", ("config", "tenant"))) == (
        "kinds does not follow the rule 'feed_kind': it must be one of config, tenant."
    )


def test_invalid_yaml_names_line_and_column() -> None:
    assert str(errors.InvalidYamlError(3, 7)) == "Not acceptable YAML 1.2 (line 3, column 7)."
