from __future__ import annotations

import pytest

from odoo_ai_config.adapters.yaml.yaml_codec import RuamelYamlCodec
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from tests.contract.yaml_codec_contract import MAX_LENGTH, YamlCodecContract


class TestRuamelYamlCodec(YamlCodecContract):
    places_every_refusal = True

    @pytest.fixture
    def codec(self) -> YamlCodec:
        return RuamelYamlCodec(MAX_LENGTH)
