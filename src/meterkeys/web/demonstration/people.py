"""What the administration of the demonstration shows: terms of use, and somebody who is invited."""

from meterkeys.accounts.models import TermsOfUse
from meterkeys.accounts.terms import publish_terms
from meterkeys.organisations.access import Access
from meterkeys.organisations.models import Invitation, Organisation
from meterkeys.organisations.permissions import Permission, Role
from meterkeys.organisations.services.invitations.invite import Guest, create_invitation

TERMS = {
    "en": "These are the terms of a demonstration. Its people, devices and keys are made up.\n\n"
    "Whoever runs a real installation writes its terms here.",
    "fr": "Ce sont les conditions d’une démonstration. Ses personnes, ses appareils et ses clés sont fictifs.\n\n"
    "L’exploitant d’une installation réelle écrit ici ses propres conditions.",
}
CONTACT = "Operator Demo\nsystem@operator.example"


def bring_administration(accesses: dict[str, Access], stadtwerk: Organisation) -> None:
    """Publish the terms and prepare an invitation, unless that was done."""
    system, administrator = accesses["system@operator.example"], accesses["admin@stadtwerk.example"]
    for language, text in TERMS.items():
        if not TermsOfUse.objects.filter(language=language).exists():
            publish_terms(system, language=language, text=text, contact=CONTACT)
    if not Invitation.objects.allowed(administrator, Permission.INVITATION_MANAGE).exists():
        guest = Guest("Dominique Releveur", "releve@stadtwerk.example", "fr")
        create_invitation(administrator, stadtwerk, guest, [Role.INSTALLER])
