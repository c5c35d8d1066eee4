"""
The OpenAPI description as a person last reviewed it.

A change of the interface changes ``fixtures/openapi.json`` in the same commit, where a reviewer
sees it. ``python -m tests.golden_description`` writes it again.
"""

from __future__ import annotations

import json
from typing import Any, Final

from odoo_ai_config.entrypoints.http.openapi.document import description
from odoo_ai_config.entrypoints.http.routes import GROUPS
from tests.source_tree import ROOT

GOLDEN: Final = ROOT / "tests" / "fixtures" / "openapi.json"
VERSION: Final = "1.2.3"


def golden_description() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))
    return document


if __name__ == "__main__":
    text = json.dumps(description(GROUPS, VERSION), ensure_ascii=False, indent=1)
    GOLDEN.write_text(f"{text}\n", "utf-8")
