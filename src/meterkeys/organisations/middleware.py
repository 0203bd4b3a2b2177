"""Give every request of a logged-in person its access: the organisation they act in, and their rights there."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from meterkeys.accounts.models import User
from meterkeys.organisations.access import Access, build_access
from meterkeys.organisations.models import Membership

SESSION_KEY = "organisation"
GetResponse = Callable[[HttpRequest], HttpResponse]


class AccessMiddleware:
    """Set `request.access` (None when logged out or without membership) and `request.memberships`."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.access = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        if isinstance(request.user, User):
            request.memberships = list_memberships(request.user)  # type: ignore[attr-defined]
            request.access = choose_access(request)  # type: ignore[attr-defined]
        return self.get_response(request)


def list_memberships(user: User) -> list[Membership]:
    accepted = user.memberships.filter(accepted_at__isnull=False)
    memberships = accepted.select_related("organisation").prefetch_related("roles")
    return list(memberships.order_by("created_at", "pk"))


def choose_access(request: HttpRequest) -> Access | None:
    """Take the organisation that was switched to, as long as the person is still a member; else the first."""
    memberships: list[Membership] = request.memberships  # type: ignore[attr-defined]
    chosen = request.session.get(SESSION_KEY)
    membership = next((m for m in memberships if str(m.organisation_id) == chosen), None)
    membership = membership or (memberships[0] if memberships else None)
    return build_access(request.user, membership) if membership else None  # type: ignore[arg-type]
