"""Identifiers that are known before a row is inserted."""

import uuid

from uuid_utils.compat import uuid7

INSTALLATION_ID = uuid.UUID(int=0)
"""Stands in an access, and so in the audit, for the installation as a whole: it is the id of no organisation."""


def new_id() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): it grows with time, so indexes are filled at their end."""
    return uuid7()
