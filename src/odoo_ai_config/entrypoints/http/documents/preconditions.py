"""
Preconditions of writes: ``If-Match`` and ``If-None-Match``.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.entrypoints.http.documents.representations import entity_tag
from odoo_ai_config.entrypoints.http.platform.conditional import is_known

# No document has this version.
IMPOSSIBLE: Final = -1


@frozen
class Precondition:
    """
    The precondition in the headers of a request.
    """

    if_match: str | None
    if_none_match: str | None

    @property
    def needs_present(self) -> bool:
        """
        Whether it depends on the current revision.
        """
        return self.if_match is not None or self.if_none_match not in {None, "*"}

    def expected_version(self, present: Revision | None) -> int | None:
        """
        The version that the write may succeed: 0 for none, None for any.

        `IMPOSSIBLE` if *present* does not meet the precondition: the use case then refuses, unless
        the request repeats one that it has already done.

        A bare number counts as a version (``If-Match: "3"``), for writers that only know that.
        """
        if self.if_none_match is not None:
            if self.if_none_match.strip() == "*":
                return 0
            if present is not None and is_known(self.if_none_match, entity_tag(present)):
                return IMPOSSIBLE
        if self.if_match is None:
            return None
        if present is None:
            return IMPOSSIBLE
        acceptable = {"*", entity_tag(present), f'"{present.version}"'}
        if any(given.strip() in acceptable for given in self.if_match.split(",")):
            return present.version
        return IMPOSSIBLE
