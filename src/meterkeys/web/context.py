"""What the frame of every page needs: navigation, the bell, and whether this is a demonstration."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from meterkeys.accounts.models import User
from meterkeys.notices.services import count_unread
from meterkeys.organisations.access import Access
from meterkeys.web.demonstration import is_demonstration
from meterkeys.web.navigation import Navigation, build_navigation


class Chrome:
    """The frame around a page. Nothing is looked up before a template asks: a part for htmx has no frame."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def navigation(self) -> Navigation:
        access: Access | None = getattr(self._request, "access", None)
        return build_navigation(access, self._request.path) if access else Navigation([], [])

    @property
    def languages(self) -> list[tuple[str, str]]:
        """Return code and own name of each language; Django's tag for it would translate the names."""
        return settings.LANGUAGES

    @cached_property
    def unread(self) -> int:
        user = getattr(self._request, "user", None)
        return count_unread(user.pk) if isinstance(user, User) else 0

    @cached_property
    def is_demonstration(self) -> bool:
        return is_demonstration()


def add_site_chrome(request: HttpRequest) -> dict[str, Any]:
    return {"access": getattr(request, "access", None), "chrome": Chrome(request)}
