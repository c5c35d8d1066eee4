"""
``If-None-Match``: whether the reader already has the representation.
"""

from __future__ import annotations


def is_known(if_none_match: str, tag: str) -> bool:
    """
    Whether the client already has the representation *tag* (weak comparison, RFC 9110 13.1.2).
    """
    if if_none_match == tag:
        return True
    if if_none_match.strip() == "*":
        return True
    return any(given.strip().removeprefix("W/") == tag for given in if_none_match.split(","))
