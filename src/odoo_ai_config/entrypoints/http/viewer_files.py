"""
The files that the viewer of the description is made of.

``swagger-ui-*`` are Swagger UI as its makers publish it; ``start.js`` tells it what to show.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from attrs import frozen

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}


@frozen
class StaticBody:
    """
    Bytes that are the same for everybody, and the entity tag that stands for them.
    """

    content: bytes
    tag: str

    @classmethod
    def of(cls, content: bytes) -> StaticBody:
        """
        Tag *content* by its digest.
        """
        return cls(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@functools.cache
def viewer_file(name: str) -> StaticBody:
    """
    One of `MEDIA_TYPES`, read when it is first asked for.
    """
    return StaticBody.of((files(__package__) / "viewer" / name).read_bytes())


def viewer_page(*, files_at: str, description_at: str) -> str:
    """
    The page that the viewer fills, with addresses that lead from it to what it loads.
    """
    return _PAGE.format(files=files_at, description=description_at)


# Relative addresses, so that the page also works behind a proxy that adds a prefix.
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>odoo-ai-config</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{files}swagger-ui.css">
</head>
<body>
<div id="viewer" data-description="{description}"></div>
<script src="{files}swagger-ui-bundle.js"></script>
<script src="{files}start.js"></script>
</body>
</html>
"""
