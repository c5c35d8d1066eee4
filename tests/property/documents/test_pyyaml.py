"""
Old clients write documents with PyYAML, which knows YAML 1.1, and read the hub's with it.
"""

from __future__ import annotations

import json
from datetime import UTC, date
from typing import Any

import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.domain.json_types import Json, JsonObject, storable
from tests.yaml_texts import json_objects, texts

CODEC = RuamelYamlCodec()

# What looks like numbers, times and the words of YAML.
number_like = st.text("0123456789eE+-._:xXoObaf", min_size=1, max_size=12)
spelled_numbers = st.from_regex(
    r"\A[-+]?(0[xob]?)?[0-9]{0,4}(\.[0-9]{0,2})?([eE][-+]?[0-9]{1,4})?\Z"
)
spelled_times = st.from_regex(
    r"\A[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{0,3})?)?"
    r" ?(Z|[-+][0-9]{1,2}(:?[0-9]{2})?)?)?\Z"
)
any_text = texts | number_like | spelled_numbers | spelled_times

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text
    | st.dates()
    | st.datetimes(timezones=st.none() | st.sampled_from([UTC]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(any_text, values, max_size=4)
ways = st.fixed_dictionaries(
    {},
    optional={
        "default_flow_style": st.sampled_from([True, False, None]),
        "allow_unicode": st.booleans(),
        "explicit_start": st.booleans(),
        "sort_keys": st.booleans(),
        "width": st.sampled_from([20, 80, 10**6]),
        "version": st.just((1, 1)),
    },
)


def as_json(value: Any) -> Json:
    """
    *value* with dates as texts.
    """
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def exactly(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


@given(documents, ways)
@example({"sku": "12E5", "cor": "5319E7", "cod": "0o17", "hash": "123e4567"}, {})
@example({"cep": "01310900", "cpf": "08", "n": "-.5", "at": "2024-01-01T10:00:00+0000"}, {})
def test_what_pyyaml_writes_is_read_as_it_was(
    document: dict[str, Any], way: dict[str, Any]
) -> None:
    text = yaml.dump(document, **way)
    # Line breaks in YAML 1.1, which PyYAML then writes as such; not in 1.2.
    assume(not any(mark in text for mark in "\x85\u2028\u2029"))

    assert exactly(CODEC.parse(text)) == exactly(as_json(document))


@given(json_objects | st.dictionaries(any_text, any_text, max_size=4))
def test_pyyaml_reads_what_the_hub_writes(body: JsonObject) -> None:
    assert exactly(yaml.safe_load(CODEC.render(body))) == exactly(body)


@given(st.dictionaries(any_text, any_text, max_size=4), json_objects)
def test_pyyaml_reads_what_the_hub_amends(before: JsonObject, body: JsonObject) -> None:
    # Of an empty document the comments are left, which PyYAML reads as null.
    assume(body)
    text = CODEC.amend(yaml.dump(before), body)

    assert exactly(yaml.safe_load(text)) == exactly(body)


# YAML has no longer keys without "? " before them.
@given(st.dictionaries(st.text(max_size=9), st.floats(allow_nan=False, allow_infinity=False)))
@example({"a": 1e20, "b": 1e-7, "c": 12.0})
def test_json_is_read_as_json(body: dict[str, float]) -> None:
    assume(all(storable(name) == name for name in body))
    text = json.dumps(body)

    assert exactly(CODEC.parse(text)) == exactly(body)
    assert exactly(CODEC.parse(text.replace("e", "E"))) == exactly(
        json.loads(text.replace("e", "E"))
    )
