from __future__ import annotations

import pytest

from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.errors import InvalidYamlError
from tests.contract.yaml_codec_contract import MAX_LENGTH, YamlCodecContract
from tests.stand_ins.yaml_codec import JsonYamlCodec


class TestJsonYamlCodec(YamlCodecContract):
    places_every_refusal = False

    @pytest.fixture
    def codec(self) -> YamlCodec:
        return JsonYamlCodec(MAX_LENGTH)

    @pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
    def test_constants_that_only_python_takes_for_json_are_refused(
        self, codec: YamlCodec, constant: str
    ) -> None:
        with pytest.raises(InvalidYamlError):
            codec.parse(f'{{"a": {constant}}}')
