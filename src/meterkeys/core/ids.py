"""Identifiers that are known before a row is inserted."""

import uuid
from datetime import datetime

from uuid_utils.compat import uuid7

INSTALLATION_ID = uuid.UUID(int=0)
"""Stands in an access, and so in the audit, for the installation as a whole: it is the id of no organisation."""


def new_id() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): it grows with time, so indexes are filled at their end."""
    return uuid7()


def first_id_at(moment: datetime) -> uuid.UUID:
    """Return what is below every id made at that moment or later, and above every one made before.

    A UUIDv7 begins with the milliseconds since 1970, 48 bits. Raises OverflowError for a moment before that.
    """
    milliseconds = int(moment.timestamp() * 1000)
    if milliseconds < 0:
        raise OverflowError("before 1970")
    return uuid.UUID(int=milliseconds << 80)
