"""
The files that the viewer of the description is made of.

``swagger-ui-*`` are Swagger UI as its makers publish it; ``start.js`` tells it what to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FOLDER: Final = "openapi/viewer"
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}


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
