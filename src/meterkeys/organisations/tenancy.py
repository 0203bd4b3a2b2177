"""Rows that belong to a tenant. Forgetting the tenant crashes; it never leaks.

`objects` is the default manager and every call on it raises, except the two doors `allowed` and
`create_for`. Django's own work (foreign keys, cascades, saving) goes through the base manager `unscoped`,
which our code may name only in the files that a contract test lists.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import models

from meterkeys.core.ids import new_id
from meterkeys.organisations.permissions import Permission

if TYPE_CHECKING:
    from meterkeys.organisations.access import Access

_checking_uniqueness: ContextVar[bool] = ContextVar("checking_uniqueness", default=False)

M = TypeVar("M", bound="TenantModel")


class ForgottenTenancyError(RuntimeError):
    """Somebody asked for the rows of all tenants. Use `.allowed(access, permission)`."""


class TenantManager(models.Manager[M], Generic[M]):
    def get_queryset(self) -> models.QuerySet[M]:
        if _checking_uniqueness.get():
            return models.QuerySet(self.model, using=self._db)
        raise ForgottenTenancyError(
            f"{self.model.__name__}.objects needs a tenant: use .allowed(access, permission) or .create_for(…)."
        )

    def allowed(self, access: "Access", permission: Permission) -> models.QuerySet[M]:
        """Return the rows that the access covers with the permission.

        Raises PermissionDenied when it is held nowhere, so that "not yours" (404) and "not you" (403) stay apart.
        """
        organisations = access.reach(permission)
        if not organisations:
            raise PermissionDenied(permission)
        return models.QuerySet(self.model, using=self._db).filter(self.model.filter_tenants(organisations))

    def create_for(self, access: "Access", permission: Permission, **fields: Any) -> M:
        """Insert a row whose tenant the access covers with the permission; otherwise PermissionDenied."""
        row = self.model(**fields)
        access.require(permission, getattr(row, f"{self.model.tenant_field}_id"))
        row.save(force_insert=True, using=self._db)
        return row


class TenantModel(models.Model):
    """A row of one tenant, named by `tenant_field`. Children write `class Meta(TenantModel.Meta)`."""

    tenant_field: ClassVar[str] = "owner"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    objects: ClassVar[TenantManager[Self]] = TenantManager()
    unscoped: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "objects"
        base_manager_name = "unscoped"

    @classmethod
    def filter_tenants(cls, organisations: frozenset[UUID]) -> models.Q:
        """Return the condition that keeps the rows of these tenants."""
        return match_organisations(cls.tenant_field, organisations)

    def validate_unique(self, exclude: Any = None) -> None:
        with _uniqueness_check():
            super().validate_unique(exclude)

    def validate_constraints(self, exclude: Any = None) -> None:
        with _uniqueness_check():
            super().validate_constraints(exclude)


def match_organisations(field: str, organisations: frozenset[UUID]) -> models.Q:
    """Return the condition that the field names one of the organisations; one alone becomes an equality."""
    if len(organisations) == 1:
        return models.Q(**{f"{field}_id": next(iter(organisations))})
    return models.Q(**{f"{field}_id__in": organisations})


class _uniqueness_check:  # noqa: N801 — reads as a statement
    """Django looks for doubles with the default manager; only there may it see all tenants."""

    def __enter__(self) -> None:
        self._token = _checking_uniqueness.set(True)

    def __exit__(self, *exc: object) -> None:
        _checking_uniqueness.reset(self._token)
