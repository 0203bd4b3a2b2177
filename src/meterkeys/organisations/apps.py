from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from meterkeys.organisations.holders import register_holder, register_leftovers


class OrganisationsConfig(AppConfig):
    name = "meterkeys.organisations"
    label = "organisations"

    def ready(self) -> None:
        # Models are only there now.
        from meterkeys.accounts.senders import register_sender  # noqa: PLC0415
        from meterkeys.mail.services import forget_organisation  # noqa: PLC0415
        from meterkeys.organisations import belongings, receivers  # noqa: F401, PLC0415
        from meterkeys.organisations.letters import find_account_sender  # noqa: PLC0415
        from meterkeys.organisations.services.invitations.open_invitations import OPEN_INVITATIONS  # noqa: PLC0415
        from meterkeys.organisations.services.organisations import (  # noqa: PLC0415
            count_children,
            count_members,
        )
        from meterkeys.organisations.services.people.waiting_offers import WAITING_OFFERS  # noqa: PLC0415

        belongings.register(OPEN_INVITATIONS)
        belongings.register(WAITING_OFFERS)
        register_holder(_("Members"), count_members, path="/admin/users/?organisation={id}")
        register_holder(_("Subsidiaries"), count_children, path="/admin/organisations/?parent={id}")
        register_leftovers(forget_organisation)
        register_sender(find_account_sender)
