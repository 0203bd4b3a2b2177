"""The events that the audit knows."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    DEVICES_IMPORTED = "devices_imported", _("Devices imported")
    BATCH_CREATED = "batch_created", _("Batch reference created")
    DEVICES_DELIVERED = "devices_delivered", _("Devices delivered")
    DEVICE_CLAIMED = "device_claimed", _("Device claimed")
    OWNERSHIP_REQUESTED = "ownership_requested", _("Ownership requested")
    OWNERSHIP_CONFIRMED = "ownership_confirmed", _("Ownership request confirmed")
    OWNERSHIP_DECLINED = "ownership_declined", _("Ownership request declined")
    OWNERSHIP_EXPIRED = "ownership_expired", _("Ownership request expired")
    OWNERSHIP_TAKEN = "ownership_taken", _("Ownership taken")
    DEVICES_RECALLED = "devices_recalled", _("Devices recalled")
    DEVICES_ADDED = "devices_added", _("Devices added to a batch reference")
    DEVICES_HANDED_BACK = "devices_handed_back", _("Devices handed back")
    TRANSFER_OFFERED = "transfer_offered", _("Transfer offered")
    TRANSFER_ACCEPTED = "transfer_accepted", _("Transfer accepted")
    TRANSFER_DECLINED = "transfer_declined", _("Transfer declined")
    TRANSFER_WITHDRAWN = "transfer_withdrawn", _("Transfer withdrawn")
    TRANSFER_EXPIRED = "transfer_expired", _("Transfer expired")
    KEY_SHOWN = "key_shown", _("Key shown")
    KEY_DOWNLOADED = "key_downloaded", _("Key downloaded")
    KEY_CHECKED = "key_checked", _("Key checked against a telegram")
    KEYS_EXPORTED = "keys_exported", _("Keys downloaded")
    LIST_EXPORTED = "list_exported", _("List of products downloaded")
    # People and organisations.
    USER_ADDED = "user_added", _("User added")
    USER_CHANGED = "user_changed", _("User changed")
    USER_ROLES_CHANGED = "user_roles_changed", _("Roles changed")
    USER_DEACTIVATED = "user_deactivated", _("User deactivated")
    USER_ACTIVATED = "user_activated", _("User activated again")
    USER_REMOVED = "user_removed", _("User removed from the organisation")
    MEMBERSHIP_ACCEPTED = "membership_accepted", _("Membership accepted")
    PASSWORD_SET = "password_set", _("Temporary password set")
    PASSWORD_CHANGED = "password_changed", _("Password changed")
    EMAIL_CHANGED = "email_changed", _("E-mail address changed")
    INVITATION_CREATED = "invitation_created", _("Invitation created")
    INVITATION_CHANGED = "invitation_changed", _("Invitation changed")
    INVITATION_SENT = "invitation_sent", _("Invitation sent")
    INVITATION_LINK_COPIED = "invitation_link_copied", _("Invitation link copied")
    INVITATION_ACCEPTED = "invitation_accepted", _("Invitation accepted")
    INVITATION_REVOKED = "invitation_revoked", _("Invitation revoked")
    DOCUMENT_REPLACED = "document_replaced", _("Information document replaced")
    ORGANISATION_FOUNDED = "organisation_founded", _("Organisation founded")
    ORGANISATION_CHANGED = "organisation_changed", _("Organisation changed")
    ORGANISATION_MOVED = "organisation_moved", _("Organisation moved")
    ORGANISATION_DELETED = "organisation_deleted", _("Organisation deleted")
    KEY_RIGHTS_GRANTED = "key_rights_granted", _("Key rights granted")
    KEY_RIGHTS_WITHDRAWN = "key_rights_withdrawn", _("Key rights withdrawn")
    PARTNER_ADDED = "partner_added", _("Partner added")
    PARTNER_ENDED = "partner_ended", _("Partnership ended")
    TERMS_PUBLISHED = "terms_published", _("Terms of use published")
    PRODUCT_TYPE_ADDED = "product_type_added", _("Product type added")
    # Letters.
    LETTER_TEMPLATE_CREATED = "letter_template_created", _("Letter template created")
    LETTER_TEMPLATE_CHANGED = "letter_template_changed", _("Letter template changed")
    LETTER_TEMPLATE_ACTIVATED = "letter_template_activated", _("Letter template activated")
    LETTER_TEMPLATE_DEACTIVATED = "letter_template_deactivated", _("Letter template deactivated")
    LETTER_TEMPLATE_DELETED = "letter_template_deleted", _("Letter template deleted")
    LETTER_SENDER_CHANGED = "letter_sender_changed", _("Sender of letters changed")
    TEST_LETTER_SENT = "test_letter_sent", _("Test letter sent")
    LETTER_RESENT = "letter_resent", _("Letter sent again")


KEY_RELEASES = (Event.KEY_SHOWN, Event.KEY_DOWNLOADED, Event.KEY_CHECKED, Event.KEYS_EXPORTED)

KEYS_TAKEN_OUT = tuple(event for event in KEY_RELEASES if event is not Event.KEY_CHECKED)
"""Releases after which somebody has the key: a check against a telegram gives a verdict only."""

OWNER_CHANGES = (
    Event.DEVICES_IMPORTED,
    Event.DEVICES_DELIVERED,
    Event.DEVICES_ADDED,
    Event.OWNERSHIP_TAKEN,
    Event.OWNERSHIP_CONFIRMED,
    Event.DEVICES_RECALLED,
    Event.DEVICES_HANDED_BACK,
    Event.TRANSFER_ACCEPTED,
)
"""What makes somebody the owner: together, the owner history of a device."""
