"""
What commands print: results on stdout, everything else on stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime

from odoo_ai_config.domain.json_types import Json


def say(text: str) -> None:
    """
    A result, for people and for pipes.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """
    A remark about the work, beside the results.
    """
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_json(value: Json) -> None:
    """
    A result as JSON that people can read.
    """
    say(json.dumps(value, ensure_ascii=False, indent=2))


def say_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """
    Columns as wide as what is in them, whatever the width of the terminal: lines stay lines.
    """
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in range(len(heading))]
    for row in (heading, *rows):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def moment(at: datetime | None) -> str:
    """
    A moment in UTC, to the second.
    """
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M:%SZ")
