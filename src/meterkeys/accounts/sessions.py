"""The sessions of a person, in all browsers and for all processes: they are rows of the database."""

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from meterkeys.accounts.models import User


def end_sessions(user: User) -> int:
    """End every session of the person, in the caller's transaction, and return how many these were.

    A session does not say in a column whose it is, so all that still run are read.
    """
    running = Session.objects.filter(expire_date__gt=timezone.now())
    owned = [session.pk for session in running.iterator() if _belongs_to(session, user)]
    Session.objects.filter(pk__in=owned).delete()
    return len(owned)


def _belongs_to(session: Session, user: User) -> bool:
    return session.get_decoded().get(SESSION_KEY) == str(user.pk)
