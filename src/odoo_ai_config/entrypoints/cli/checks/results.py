"""
What an examination of an installation finds.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Verdict(Enum):
    """
    How a check came out.
    """

    GOOD = "ok"
    DOUBTFUL = "aviso"
    BAD = "falha"


@frozen
class Finding:
    """
    One line of the report; *advice* says what to do where something is not as it should be.
    """

    verdict: Verdict
    subject: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{self.verdict.value:5}  {self.subject}: {self.text}{advice}"
