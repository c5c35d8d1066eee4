from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.crews import (
    LONGEST_PATIENCE,
    LONGEST_TIMEOUT,
    SHORTEST_TIMEOUT,
    CrewKind,
    crew_of,
    require_crews,
)
from odoo_ai_config.domain.errors import CrewNotFoundError, InvalidValueError
from odoo_ai_config.domain.identifiers import TenantArea
from odoo_ai_config.domain.json_types import JsonObject
from tests.strategies import crews_bodies, json_objects, json_values, tenant_domains


@given(crews_bodies(), tenant_domains())
def test_every_crew_of_a_good_document_is_found(body: JsonObject, owner: TenantArea) -> None:
    require_crews(body, owner)
    described = body["crews"]
    assert isinstance(described, dict)
    for name in described:
        crew = crew_of(body, owner, name)
        assert (crew.name, crew.owner) == (name, owner)
        assert (crew.url is not None) == (crew.kind is CrewKind.HTTP)
        assert SHORTEST_TIMEOUT <= crew.timeout <= LONGEST_TIMEOUT
        assert SHORTEST_TIMEOUT <= crew.patience <= LONGEST_PATIENCE
    default = body.get("default_crew")
    if default is not None:
        assert crew_of(body, owner, None).name == default


@given(json_objects() | crews_bodies(), st.none() | st.text(max_size=5), tenant_domains())
def test_any_document_gives_a_crew_or_a_refusal(
    body: JsonObject, name: str | None, owner: TenantArea
) -> None:
    with suppress(CrewNotFoundError, InvalidValueError):
        assert crew_of(body, owner, name).owner == owner


@given(crews_bodies(), st.data(), tenant_domains())
def test_accepted_document_has_no_crew_with_a_fault(
    body: JsonObject, data: st.DataObject, owner: TenantArea
) -> None:
    described = body["crews"]
    assert isinstance(described, dict)
    if described:
        name = data.draw(st.sampled_from(sorted(described)))
        description = described[name]
        assert isinstance(description, dict)
        spoilt = data.draw(st.sampled_from(["type", "url", "secret_ref", "timeout_seconds", "x"]))
        description[spoilt] = data.draw(json_values())
    try:
        require_crews(body, owner)
    except InvalidValueError:
        return
    for name in described:
        crew_of(body, owner, name)
