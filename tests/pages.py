"""Read pages in tests."""

import re
from typing import Any

CSRF_TOKEN = re.compile(r"[A-Za-z0-9]{64}")


def read_page(response: Any) -> str:
    """Return the page without its CSRF tokens: random letters in which a short serial number can stand by chance."""
    return CSRF_TOKEN.sub("", response.content.decode())
