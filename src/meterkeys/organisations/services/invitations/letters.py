"""The letter that invites, and how it will look."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy

from meterkeys.mail.choice import choose_sender, choose_text
from meterkeys.mail.kinds import Value
from meterkeys.mail.render import RenderedLetter, render_letter
from meterkeys.mail.services import Attachment, cancel_letters
from meterkeys.organisations.letters import check_room, list_sender_chain, send_letter
from meterkeys.organisations.models import Invitation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services.invitations.information import find_document
from meterkeys.organisations.services.invitations.links import LIFETIME

KIND = "invitation"
PRODUCT = "meterkeys"
TOKEN_IN_PREVIEW = "preview"


def send_invitation_letter(invitation: Invitation, address: str) -> None:
    """Queue the letter with the link and the information document, in the language of the invited person.

    DomainError if the address got enough letters of this kind within the hour.
    """
    check_room(invitation.email)
    cancel_invitation_letters(invitation)
    document = find_document(invitation.organisation, invitation.language)
    send_letter(
        KIND,
        organisation=invitation.organisation,
        to=invitation.email,
        name=invitation.name,
        language=invitation.language,
        values=build_values(invitation, address),
        cause=f"{find_cause(invitation)}{bytes(invitation.letter_token_hash or b'').hex()[:16]}",
        attachments=[Attachment(document.name, "application/pdf", document.content)],
    )


def cancel_invitation_letters(invitation: Invitation) -> None:
    """Forget what still waits to be sent: the link of the letter is dead."""
    cancel_letters(find_cause(invitation))


def find_cause(invitation: Invitation) -> str:
    """Return how the causes of all letters of the invitation begin."""
    return f"{KIND}:{invitation.pk}:"


def preview_letter(invitation: Invitation) -> RenderedLetter:
    """Return the letter as it would be sent now, with a link that leads nowhere."""
    chain = list_sender_chain(invitation.organisation)
    address = settings.PUBLIC_URL + reverse("invitation_open", args=[TOKEN_IN_PREVIEW])
    return render_letter(
        KIND,
        invitation.language,
        {"recipient_name": invitation.name, **build_values(invitation, address)},
        text=choose_text(KIND, invitation.language, chain),
        sender=choose_sender(chain, invitation.organisation.name).signature,
    )


def build_values(invitation: Invitation, address: str) -> dict[str, Value]:
    expires_at = invitation.expires_at or timezone.now() + LIFETIME
    return {
        "action_link": address,
        "inviter": name_inviter(invitation),
        "organisation": invitation.organisation.name,
        "expires_on": timezone.localdate(expires_at),
        "roles": join_roles(invitation),
    }


def name_inviter(invitation: Invitation) -> str:
    """Return the name of who invites; of the product where the operator of the server did."""
    return invitation.created_by.name if invitation.created_by else PRODUCT


def join_roles(invitation: Invitation) -> str | Promise:
    """Return the names of the roles, to be translated when they are written."""
    given = {row.role for row in invitation.roles.all()}
    labels = [role.label for role in Role if role in given]
    return format_lazy(", ".join(["{}"] * len(labels)), *labels)
