from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.holders import register_holder


class OwnershipConfig(AppConfig):
    name = "meterkeys.ownership"
    label = "ownership"

    def ready(self) -> None:
        # Models are only there now.
        from meterkeys.ownership.services.requests import count_requests_of  # noqa: PLC0415

        register_holder(_("Ownership requests"), count_requests_of)
