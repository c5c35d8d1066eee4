"""
What becomes of a message while it is delivered, step by step.
"""

from __future__ import annotations

import enum

from attrs import frozen

from odoo_ai_config.domain.messages.inbox import InboxMessage


class Progress(enum.Enum):
    """
    What a step has come to.

    ANSWERED alone has a further step: whoever took the message brings the answer to Chatwoot.
    After OVERTAKEN the message is somebody else's.
    """

    ANSWERED = "answered"
    AWAITING = "awaiting"
    SILENT = "silent"
    POSTED = "posted"
    FOUND_POSTED = "found_posted"
    PUT_OFF = "put_off"
    DEAD = "dead"
    UNRESOLVED = "unresolved"
    GIVEN_BACK = "given_back"
    OVERTAKEN = "overtaken"


class Trouble(enum.Enum):
    """
    Why a message is put off, dead or unresolved where no error's code says it. Public.
    """

    NO_ANSWER_IN_TIME = "no_answer_in_time"
    CREW_INVALID = "crew_invalid"
    CREW_CANNOT_SIGN = "crew_cannot_sign"
    CHATWOOT_UNCONFIGURED = "chatwoot_unconfigured"
    WORKER_LOST = "worker_lost"
    RESTORED = "restored"
    UNEXPECTED = "unexpected_error"


@frozen
class Step:
    """
    One step of a delivery.

    Args:
        message: As it is after the step; as it was before, if it was OVERTAKEN.
        crew: Who was asked, if somebody was.
    """

    progress: Progress
    message: InboxMessage
    crew: str | None = None
