"""Views of the list that a person has saved under a name: filters, order and page size."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.catalogue.device_list.filters import Filters
from meterkeys.catalogue.models import NAME_LENGTH, QUERY_LENGTH, SavedView
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import Belonging
from meterkeys.organisations.permissions import Permission

MOST_VIEWS = 30


def list_views(access: Access, user_id: UUID) -> QuerySet[SavedView]:
    """Return the person's own views in the current organisation, by name."""
    views = SavedView.objects.allowed(access, Permission.DEVICE_VIEW)
    return views.filter(organisation=access.organisation_id, user=user_id).order_by(Lower("name"), "pk")


def link_view(view: SavedView) -> str:
    """Return the address of the list that the view stands for."""
    return Filters.parse(QueryDict(view.query)).url()


@dataclass(frozen=True, slots=True)
class ViewLink:
    view: SavedView
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class ViewBar:
    """The person's views as links, and the address where what the list shows now is saved; empty if it is saved."""

    links: Sequence[ViewLink]
    save_url: str


def build_view_bar(access: Access, user_id: UUID, filters: Filters) -> ViewBar:
    now = filters.query
    links = [
        ViewLink(view, link_view(view), is_current=view.query == now) for view in list_views(access, user_id)
    ]
    is_saved = not now or any(link.is_current for link in links)
    return ViewBar(links, "" if is_saved else f"{reverse('saved_view_create')}?{now}")


def find_start_url(access: Access, user_id: UUID) -> str:
    """Return the address that the person's visits begin with; empty if they have chosen none."""
    if not access.may(Permission.DEVICE_VIEW):
        return ""
    view = list_views(access, user_id).filter(is_start=True).first()
    return link_view(view) if view else ""


def save_view(  # noqa: PLR0913 — what the form asks for, each named at the call
    access: Access,
    user_id: UUID,
    *,
    name: str,
    query: str,
    is_start: bool = False,
    overwrites: bool = False,
) -> SavedView:
    """Save filters, as they stand in the address, under a name; `overwrites` gives a view of that name new filters.

    DomainError "view_known" if there is one and it is not to be overwritten, "too_many_views" beyond `MOST_VIEWS`.
    """
    query = _check_query(query)
    with transaction.atomic():
        # One after the other for each person, so that the limit and the one start hold.
        User.objects.lock(user_id)
        view = _find_by_name(access, user_id, name)
        if view is None:
            return _add_view(access, user_id, name=_check_name(name), query=query, is_start=is_start)
        if not overwrites:
            raise _name_known()
        view.query = query
        _store(access, user_id, view, is_start=is_start or view.is_start)
    return view


def _add_view(access: Access, user_id: UUID, *, name: str, query: str, is_start: bool) -> SavedView:
    views = list_views(access, user_id)
    if views.count() >= MOST_VIEWS:
        message = _("You have %(limit)d saved views, which is the most there can be. Delete one first.")
        raise DomainError("too_many_views", message % {"limit": MOST_VIEWS}, field="name")
    if is_start:
        views.update(is_start=False)
    return SavedView.objects.create_for(
        access,
        Permission.DEVICE_VIEW,
        organisation_id=access.organisation_id,
        user_id=user_id,
        name=name,
        query=query,
        is_start=is_start,
    )


def change_view(access: Access, user_id: UUID, view_id: UUID, *, name: str, is_start: bool) -> SavedView:
    """Rename a view, and say whether visits begin with it. SavedView.DoesNotExist if it is not the person's own."""
    with transaction.atomic():
        User.objects.lock(user_id)
        view = list_views(access, user_id).get(pk=view_id)
        if _find_by_name(access, user_id, name) not in (None, view):
            raise _name_known()
        view.name = _check_name(name)
        _store(access, user_id, view, is_start=is_start)
    return view


def _store(access: Access, user_id: UUID, view: SavedView, *, is_start: bool) -> None:
    if is_start:
        list_views(access, user_id).exclude(pk=view.pk).update(is_start=False)
    view.is_start = is_start
    view.save(update_fields=["name", "query", "is_start"])


def delete_view(access: Access, user_id: UUID, view_id: UUID) -> SavedView:
    """Delete a view, and return what it was. SavedView.DoesNotExist if it is not the person's own."""
    with transaction.atomic():
        # Or another tab could be about to store it.
        User.objects.lock(user_id)
        view = list_views(access, user_id).get(pk=view_id)
        view.delete()
    return view


def _find_by_name(access: Access, user_id: UUID, name: str) -> SavedView | None:
    return list_views(access, user_id).filter(name__iexact=" ".join(name.split())).first()


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_LENGTH:
        message = _("Enter a name of 1 to %(limit)d characters.")
        raise DomainError("view_name", message % {"limit": NAME_LENGTH}, field="name")
    return name


def _check_query(query: str) -> str:
    """Return the filters as the list writes them itself; whatever else stood in the address is left out."""
    query = Filters.parse(QueryDict(query)).query
    if len(query) > QUERY_LENGTH:
        raise DomainError("view_long", _("These filters hold too many values to be saved. Choose fewer."))
    return query


def _name_known() -> DomainError:
    return DomainError(
        "view_known", _("You have a view of this name. Choose another name, or overwrite it."), field="name"
    )


def count_views(_access: Access, user: User) -> int:
    return SavedView.unscoped.filter(user=user).count()


def hand_views_over(access: Access, user: User) -> None:
    """Make the views of the current organisation the actor's, and delete those of others."""
    new_owner = UUID(access.actor.id)
    taken = {name.lower() for name in list_views(access, new_owner).values_list("name", flat=True)}
    for view in SavedView.unscoped.filter(user=user, organisation=access.organisation_id).order_by("pk"):
        view.name = _find_free_name(view.name, user.name, taken)
        taken.add(view.name.lower())
        view.user_id, view.is_start = new_owner, False
        view.save(update_fields=["name", "user", "is_start"])
    end_views(access, user)


def _find_free_name(name: str, former: str, taken: set[str]) -> str:
    """Return the name, with that of the former owner or a number behind it where it is taken."""
    endings = ("", f" ({former[:20]})", *(f" ({number})" for number in range(2, len(taken) + 3)))
    names = (f"{name[: NAME_LENGTH - len(ending)]}{ending}" for ending in endings)
    return next(free for free in names if free.lower() not in taken)


def end_views(_access: Access, user: User) -> None:
    SavedView.unscoped.filter(user=user).delete()


SAVED_VIEWS = Belonging(label=_("Saved views"), count=count_views, hand_over=hand_views_over, end=end_views)
