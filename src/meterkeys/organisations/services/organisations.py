"""Found organisations, change them and move them in the tree."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError
from meterkeys.organisations.models import Organisation


def find_organisation(name: str) -> Organisation:
    """Return the organisation of that name, upper and lower case alike; DomainError if there is none."""
    found = Organisation.objects.filter(name__iexact=name.strip()).first()
    if found is None:
        raise DomainError(
            "unknown_organisation", _("There is no organisation of that name."), field="organisation"
        )
    return found


@transaction.atomic
def found_organisation(
    name: str,
    *,
    is_issuer: bool = False,
    may_create_organisations: bool = False,
    short_prefix: str = "",
    language: str = "en",
    parent: Organisation | None = None,
) -> Organisation:
    """Make an organisation; DomainError if the name or the prefix is taken."""
    if Organisation.objects.filter(name__iexact=name.strip()).exists():
        raise DomainError("name_taken", _("An organisation of that name exists already."), field="name")
    if short_prefix and Organisation.objects.filter(short_prefix=short_prefix).exists():
        raise DomainError("prefix_taken", _("Another organisation uses this prefix."), field="short_prefix")
    return Organisation.objects.create(
        name=name.strip(),
        is_issuer=is_issuer,
        may_create_organisations=may_create_organisations,
        short_prefix=short_prefix,
        language=language,
        parent=parent,
    )
