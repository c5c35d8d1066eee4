from __future__ import annotations

import pytest

from odoo_ai_config.adapters.memory.yaml_codec import JsonYamlCodec
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from tests.contract.yaml_codec_contract import MAX_LENGTH, YamlCodecContract


class TestJsonYamlCodec(YamlCodecContract):
    places_every_refusal = False

    @pytest.fixture
    def codec(self) -> YamlCodec:
        return JsonYamlCodec(MAX_LENGTH)
