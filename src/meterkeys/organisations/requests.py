"""The request of a member: what the middleware added, in words that a type checker understands."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django_htmx.middleware import HtmxDetails

from meterkeys.accounts.models import User
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Membership
from meterkeys.organisations.permissions import Permission

P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """A request of somebody who is logged in and a member of an organisation."""

    user: User
    access: Access
    memberships: list[Membership]
    htmx: HtmxDetails


View = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def member_required(
    permission: Permission | None = None,
) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Let only members in who hold the permission in their current organisation.

    Logged out: to the login page. Without membership or permission: 403.
    """

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @login_required
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            access: Access | None = request.access  # type: ignore[attr-defined]  # set by AccessMiddleware
            if access is None:
                raise PermissionDenied("no membership")
            if permission is not None:
                access.require(permission)
            return view(cast("MemberRequest", request), *args, **kwargs)

        return cast("Callable[..., HttpResponseBase]", guarded)

    return decorate
