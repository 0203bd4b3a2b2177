"""The access matrix: who gets what answer at which address. It is written by hand, from the rules, not from the code.

One row per address and method. `cells` says for each role what it is answered: one answer where the address names no
object; five where it does, for an object of the own organisation, of a child, of the parent, of a partner and of a
stranger. `ok` is the page, or a redirect after the work was done. A role that is not named is answered 403.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from meterkeys.organisations.permissions import Role

SYS, ADM, USR, INS, AUD, ISS = (
    Role.SYSTEM_ADMINISTRATOR,
    Role.ADMINISTRATOR,
    Role.USER,
    Role.INSTALLER,
    Role.AUDITOR,
    Role.ISSUER,
)
ORG, PAR, LET, TAK, BVW, BCR = (
    Role.ORGANISATION_MANAGER,
    Role.PARTNER_MANAGER,
    Role.LETTER_WRITER,
    Role.OWNERSHIP_TAKER,
    Role.BATCH_VIEWER,
    Role.BATCH_CREATOR,
)
EVERY_ROLE = tuple(Role)

OWN = "ok 404 404 404 404"
BELOW = "ok ok 404 404 404"
EVERYWHERE = "ok ok ok ok ok"

NOWHERE = "403 403 403 403 403"
REFUSED_AT_HOME = "403 404 404 404 404"
NOT_FOUND = "404 404 404 404 404"

Cells = Mapping[Role, str]


@dataclass(frozen=True)
class Row:
    """`anonymous` is what somebody gets who is not logged in: "login" is sent to the login page."""

    url_name: str
    method: str
    cells: Cells
    of: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    anonymous: str = "login"


def let_in(*roles: Role, answer: str = "ok") -> Cells:
    return dict.fromkeys(roles, answer)


SEES_DEVICES = (ADM, USR, INS, AUD, ISS, TAK)
READS_KEYS = (ADM, USR, INS, ISS)
SEES_BATCHES = (ADM, AUD, ISS, BVW, BCR)

CATALOGUE = [
    Row("device_list", "GET", let_in(*SEES_DEVICES)),
    Row("device_count", "GET", let_in(*SEES_DEVICES)),
    Row("device_facet", "GET", let_in(*SEES_DEVICES), kwargs={"facet": "label"}),
    Row("device_export", "POST", let_in(*SEES_DEVICES)),
    # A view belongs to the person who saved it: nobody else finds it, whatever the role.
    Row("saved_view_list", "GET", let_in(*SEES_DEVICES)),
    Row("saved_view_create", "GET", let_in(*SEES_DEVICES)),
    Row("saved_view_create", "POST", let_in(*SEES_DEVICES), data={"name": "Mine", "query": "q=A"}),
    Row("saved_view_edit", "GET", let_in(*SEES_DEVICES, answer=NOT_FOUND), of="saved view"),
    Row("saved_view_edit", "POST", let_in(*SEES_DEVICES, answer=NOT_FOUND), of="saved view"),
    Row("saved_view_delete", "POST", let_in(*SEES_DEVICES, answer=NOT_FOUND), of="saved view"),
    # Who sees products may choose some; without a choice that leads back to the list. What is done asks for its right.
    Row("device_selection", "POST", let_in(*SEES_DEVICES)),
    Row("device_selection", "POST", let_in(ADM, USR, INS), data={"action": "claim"}),
    Row("device_selection", "POST", let_in(ADM, USR, ISS), data={"action": "download"}),
    Row("device_selection", "POST", let_in(ADM, USR, INS), data={"action": "label"}),
    Row("device_selection", "POST", let_in(ADM, USR, INS), data={"action": "remove_label"}),
    Row("device_selection", "POST", let_in(ISS), data={"action": "deliver"}),
    Row("device_selection", "POST", let_in(ADM, TAK), data={"action": "hand_back"}),
    Row("device_selection_start", "POST", let_in(*SEES_DEVICES)),
    Row("device_selection_start", "POST", let_in(ADM, USR, INS), data={"action": "claim"}),
    Row("device_selection_start", "POST", let_in(ADM, USR, ISS), data={"action": "download"}),
    Row("device_selection_start", "POST", let_in(ADM, USR, INS), data={"action": "label"}),
    Row("device_selection_start", "POST", let_in(ADM, USR, INS), data={"action": "remove_label"}),
    Row("device_selection_start", "POST", let_in(ISS), data={"action": "deliver"}),
    Row("device_selection_start", "POST", let_in(ADM, TAK), data={"action": "hand_back"}),
    Row("device_detail", "GET", let_in(*SEES_DEVICES, answer=OWN), of="device"),
    Row("device_claim", "POST", let_in(ADM, USR, INS, answer=OWN), of="delivered device"),
    Row(
        "device_label_remove", "POST", let_in(ADM, USR, INS, answer=OWN), of="device", data={"label": "North"}
    ),
    Row("keys_download", "POST", let_in(ADM, USR, ISS)),
    Row("key_download", "POST", let_in(*READS_KEYS, answer=OWN), of="device"),
    Row("key_show", "POST", let_in(*READS_KEYS, answer=OWN), of="key"),
    Row("key_check", "GET", let_in(*READS_KEYS)),
    Row("key_check", "POST", let_in(*READS_KEYS)),
    # As long work does, a capture belongs to the person who had it checked.
    Row("capture_detail", "GET", let_in(*READS_KEYS, answer="404"), kwargs={"run_id": UUID(int=1)}),
    Row("capture_download", "GET", let_in(*READS_KEYS, answer="404"), kwargs={"run_id": UUID(int=1)}),
]

OWNERSHIP = [
    Row("batch_list", "GET", let_in(*SEES_BATCHES)),
    Row("batch_facet", "GET", let_in(*SEES_BATCHES), kwargs={"facet": "label"}),
    Row("batch_detail", "GET", let_in(*SEES_BATCHES, answer=OWN), of="batch"),
    Row("batch_create", "GET", let_in(ISS, BCR)),
    Row("batch_create", "POST", let_in(ISS, BCR)),
    Row("batch_receivers", "GET", let_in(ISS, BCR)),
    Row("batch_claim", "GET", let_in(ADM, USR, INS, answer=OWN), of="batch"),
    Row("batch_claim", "POST", let_in(ADM, USR, INS, answer=OWN), of="batch"),
    Row("batch_note", "GET", let_in(*SEES_BATCHES, answer=OWN), of="batch"),
    # With a code, the note is for whoever makes batches.
    Row("batch_note", "POST", let_in(ISS, BCR, answer=OWN), of="batch", data={"code": "wrong"}),
    Row("batch_add", "GET", let_in(ISS, BCR, answer=OWN), of="batch"),
    Row("batch_add", "POST", let_in(ISS, BCR, answer=OWN), of="batch"),
    Row("batch_recall", "GET", let_in(ISS, BCR, answer=OWN), of="batch"),
    Row("batch_recall", "POST", let_in(ISS, BCR, answer=OWN), of="batch"),
    Row("batch_recall_all", "POST", let_in(ISS, BCR, answer=OWN), of="batch"),
    Row("batch_letter", "POST", let_in(ISS, BCR, answer=OWN), of="batch"),
    Row("ownership_take", "GET", let_in(ADM, TAK)),
    Row("ownership_take", "POST", let_in(ADM, TAK), data={"reference": "unknown"}),
    Row("offer_list", "GET", let_in(ADM, TAK)),
    Row("offer_accept", "POST", let_in(ADM, TAK, answer=OWN), of="offer to"),
    Row("offer_decline", "POST", let_in(ADM, TAK, answer=OWN), of="offer to"),
    Row("offer_withdraw", "POST", let_in(ADM, TAK, answer=OWN), of="offer by"),
    Row("device_offer", "GET", let_in(ADM, TAK, answer=OWN), of="device"),
    Row("device_offer", "POST", let_in(ADM, TAK, answer=OWN), of="device"),
    Row("device_hand_back", "POST", let_in(ADM, TAK, answer=OWN), of="device"),
    Row("ownership_request_list", "GET", let_in(ISS)),
    Row("ownership_request_confirm", "POST", let_in(ISS, answer=OWN), of="ownership request"),
    Row(
        "ownership_request_decline",
        "POST",
        let_in(ISS, answer=OWN),
        of="ownership request",
        data={"reason": "Not yours"},
    ),
]

EXCHANGE = [
    Row("import_create", "GET", let_in(ADM, ISS)),
    Row("import_create", "POST", let_in(ADM, ISS)),
    Row("import_template", "GET", let_in(ADM, ISS)),
]

SITE = [
    Row("home", "GET", let_in(*EVERY_ROLE)),
    Row("product_type_list", "GET", let_in(ADM, ISS)),
    Row("product_type_list", "POST", let_in(ADM, ISS)),
    Row("audit_list", "GET", let_in(ADM, AUD)),
    Row("profile", "GET", let_in(*EVERY_ROLE)),
    Row("profile", "POST", let_in(*EVERY_ROLE)),
    Row("set_theme", "POST", let_in(*EVERY_ROLE), data={"theme": "dark"}),
    Row("set_language", "POST", let_in(*EVERY_ROLE), data={"language": "fr"}, anonymous="ok"),
    Row("switch_organisation", "POST", let_in(*EVERY_ROLE, answer="404")),
    Row("health_live", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("health_ready", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
]

ORGANISATIONS = [
    # Whoever administrates anything sees the page of the own organisation, with its id.
    Row("organisation_own", "GET", let_in(SYS, ADM, ORG, PAR, LET)),
    Row("organisation_list", "GET", let_in(SYS, ADM, ORG)),
    Row("organisation_facet", "GET", let_in(SYS, ADM, ORG), kwargs={"facet": "parent"}),
    Row("organisation_create", "GET", let_in(SYS, ADM, ORG)),
    Row("organisation_create", "POST", let_in(SYS, ADM, ORG)),
    Row(
        "organisation_detail",
        "GET",
        {SYS: EVERYWHERE, **let_in(ADM, ORG, answer=BELOW), **let_in(PAR, LET, answer=OWN)},
        of="organisation",
    ),
    Row(
        "organisation_detail",
        "POST",
        {SYS: EVERYWHERE, **let_in(ADM, ORG, answer=BELOW), **let_in(PAR, LET, answer=REFUSED_AT_HOME)},
        of="organisation",
    ),
    Row("organisation_delete", "GET", {SYS: EVERYWHERE, **let_in(ADM, ORG, answer=BELOW)}, of="organisation"),
    Row(
        "organisation_delete", "POST", {SYS: EVERYWHERE, **let_in(ADM, ORG, answer=BELOW)}, of="organisation"
    ),
    # What a child grants to its parent, only its own administration says; from above it is refused.
    Row(
        "organisation_grants",
        "POST",
        {
            SYS: "ok 403 403 403 403",
            ADM: "ok 403 404 404 404",
            ORG: "403 403 404 404 404",
            **let_in(PAR, LET, answer=REFUSED_AT_HOME),
        },
        of="organisation",
    ),
    # Out of the own place only somebody above moves an organisation; from or to the top, the installation.
    Row(
        "organisation_move",
        "GET",
        {SYS: EVERYWHERE, **let_in(ADM, ORG, answer="403 ok 404 404 404")},
        of="organisation",
    ),
    Row(
        "organisation_move",
        "POST",
        {SYS: EVERYWHERE, **let_in(ADM, ORG, answer="403 ok 404 404 404")},
        of="organisation",
    ),
    # There is no move that waits: who could answer or withdraw it finds none.
    *[
        Row(
            f"organisation_move_{answer}",
            "POST",
            {
                SYS: NOWHERE,
                ADM: "404 403 404 404 404",
                ORG: "403 403 404 404 404",
                **let_in(PAR, LET, answer=REFUSED_AT_HOME),
            },
            of="organisation",
        )
        for answer in ("accept", "decline")
    ],
    Row(
        "organisation_move_withdraw",
        "POST",
        {SYS: "404 404 404 404 404", **let_in(ADM, ORG, answer="403 404 404 404 404")},
        of="organisation",
    ),
    Row("role_list", "GET", let_in(SYS, ADM)),
]

PARTNER = "404 404 404 ok 404"

PARTNERS = [
    Row("partner_list", "GET", let_in(ADM, PAR)),
    Row("partner_create", "GET", let_in(ADM, PAR)),
    Row("partner_create", "POST", let_in(ADM, PAR)),
    Row("partner_edit", "GET", let_in(ADM, PAR, answer=PARTNER), of="organisation"),
    Row("partner_edit", "POST", let_in(ADM, PAR, answer=PARTNER), of="organisation"),
    Row("partner_end", "POST", let_in(ADM, PAR, answer=PARTNER), of="organisation"),
]

# The member that is asked for holds a role of administration only, so that whoever manages users holds it too.
MANAGES_USERS = {ADM: BELOW, SYS: EVERYWHERE}

USERS = [
    Row("user_list", "GET", let_in(ADM, SYS)),
    Row("user_facet", "GET", let_in(ADM, SYS), kwargs={"facet": "role"}),
    Row("user_create", "GET", let_in(ADM, SYS)),
    Row("user_create", "POST", let_in(ADM, SYS)),
    Row("user_edit", "GET", MANAGES_USERS, of="membership"),
    Row("user_edit", "POST", MANAGES_USERS, of="membership"),
    Row("user_password", "POST", MANAGES_USERS, of="membership"),
    Row("user_deactivate", "GET", MANAGES_USERS, of="membership"),
    Row("user_deactivate", "POST", MANAGES_USERS, of="membership"),
    Row("user_activate", "POST", MANAGES_USERS, of="membership"),
    Row("user_remove", "POST", MANAGES_USERS, of="membership"),
    Row("user_resend", "POST", MANAGES_USERS, of="membership"),
    # Only what waits for oneself is answered; of others, however near, there is nothing.
    Row("membership_answer", "GET", let_in(*EVERY_ROLE, answer=NOT_FOUND), of="membership"),
    Row(
        "membership_answer",
        "POST",
        let_in(*EVERY_ROLE, answer=NOT_FOUND),
        of="membership",
        data={"answer": "accept"},
    ),
]

INVITES = {ADM: BELOW, SYS: EVERYWHERE}

INVITATIONS = [
    Row("invitation_list", "GET", let_in(ADM, SYS)),
    Row("invitation_facet", "GET", let_in(ADM, SYS), kwargs={"facet": "role"}),
    Row("invitation_create", "GET", let_in(ADM, SYS)),
    Row("invitation_create", "POST", let_in(ADM, SYS)),
    Row("invitation_detail", "GET", INVITES, of="invitation"),
    Row("invitation_edit", "GET", INVITES, of="invitation"),
    Row("invitation_edit", "POST", INVITES, of="invitation"),
    Row("invitation_preview", "GET", INVITES, of="invitation"),
    Row("invitation_send", "POST", INVITES, of="invitation"),
    Row("invitation_link", "POST", INVITES, of="invitation"),
    Row("invitation_revoke", "POST", INVITES, of="invitation"),
    Row("invitation_document", "GET", let_in(ADM, SYS)),
    Row("invitation_document", "POST", let_in(ADM, SYS)),
    Row("invitation_document_file", "GET", let_in(ADM, SYS)),
    Row("invitation_document_withdraw", "POST", let_in(ADM, SYS)),
    # An invitation is opened by whoever has its link. Without one there is nothing to register for.
    Row("invitation_open", "GET", let_in(*EVERY_ROLE), kwargs={"token": "unknown"}, anonymous="ok"),
    Row("registration", "GET", let_in(*EVERY_ROLE, answer="404"), anonymous="404"),
    Row("registration", "POST", let_in(*EVERY_ROLE, answer="404"), anonymous="404"),
    Row("registration_done", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
]

WRITES_LETTERS = (ADM, SYS, LET)
SYSTEM_TEMPLATE = {"key": "invitation-fr"}
OWN_TEMPLATES = {ADM: BELOW, LET: BELOW, SYS: EVERYWHERE}

LETTERS = [
    Row("mail_template_list", "GET", let_in(*WRITES_LETTERS)),
    Row("mail_sender_edit", "GET", let_in(*WRITES_LETTERS)),
    Row("mail_sender_edit", "POST", let_in(*WRITES_LETTERS)),
    Row("mail_template_detail", "GET", let_in(*WRITES_LETTERS), kwargs=SYSTEM_TEMPLATE),
    Row("mail_template_preview", "GET", let_in(*WRITES_LETTERS), kwargs=SYSTEM_TEMPLATE),
    Row("mail_template_create_copy", "POST", let_in(*WRITES_LETTERS), kwargs=SYSTEM_TEMPLATE),
    Row("mail_template_test", "POST", let_in(*WRITES_LETTERS), kwargs=SYSTEM_TEMPLATE),
    Row("mail_template_edit", "GET", OWN_TEMPLATES, of="letter template"),
    Row("mail_template_edit", "POST", OWN_TEMPLATES, of="letter template"),
    Row("mail_template_activate", "POST", OWN_TEMPLATES, of="letter template"),
    Row("mail_template_deactivate", "POST", OWN_TEMPLATES, of="letter template"),
    Row("mail_template_delete", "POST", OWN_TEMPLATES, of="letter template"),
    Row("letter_list", "GET", let_in(*WRITES_LETTERS)),
    Row("letter_resend", "POST", OWN_TEMPLATES, of="letter"),
    # Only a demonstration shows its letters.
    Row("demo_letters", "GET", let_in(*EVERY_ROLE, answer="404"), anonymous="404"),
    Row("letter_gallery", "GET", let_in(*EVERY_ROLE, answer="404"), anonymous="404"),
    Row(
        "letter_gallery_letter",
        "GET",
        let_in(*EVERY_ROLE, answer="404"),
        kwargs={"kind": "invitation", "language": "fr"},
        anonymous="404",
    ),
]

SECRET_LINK = {"uidb36": "1", "key": "abc-def"}

ACCOUNTS = [
    Row("account_login", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_logout", "GET", let_in(*EVERY_ROLE), anonymous="login"),
    Row("account_logout", "POST", let_in(*EVERY_ROLE, answer="login"), anonymous="login"),
    Row("account_inactive", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    # Nobody signs up: the page says so.
    Row("account_signup", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_change_password", "GET", let_in(*EVERY_ROLE)),
    Row("account_change_password", "POST", let_in(*EVERY_ROLE)),
    Row("account_reset_password", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_reset_password", "POST", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_reset_password_done", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_reset_password_from_key", "GET", let_in(*EVERY_ROLE), kwargs=SECRET_LINK, anonymous="ok"),
    Row("account_reset_password_from_key_done", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_email", "GET", let_in(*EVERY_ROLE)),
    Row("account_email", "POST", let_in(*EVERY_ROLE)),
    Row("account_email_verification_sent", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("account_confirm_email", "GET", let_in(*EVERY_ROLE), kwargs={"key": "abc"}, anonymous="ok"),
]

CHROME = [
    Row("run_list", "GET", let_in(*EVERY_ROLE)),
    # Long work belongs to the person who began it: nobody else finds it, whatever the role.
    Row("run_detail", "GET", let_in(*EVERY_ROLE, answer="404"), kwargs={"run_id": UUID(int=1)}),
    Row("run_results", "GET", let_in(*EVERY_ROLE, answer="404"), kwargs={"run_id": UUID(int=1)}),
    Row("run_results_csv", "GET", let_in(*EVERY_ROLE, answer="404"), kwargs={"run_id": UUID(int=1)}),
    Row("run_cancel", "POST", let_in(*EVERY_ROLE, answer="404"), kwargs={"run_id": UUID(int=1)}),
    Row("admin_home", "GET", let_in(SYS, ADM, AUD, ORG, PAR, LET)),
    Row("notice_list", "GET", let_in(*EVERY_ROLE)),
    Row("notice_panel", "GET", let_in(*EVERY_ROLE)),
    Row("notice_read_all", "POST", let_in(*EVERY_ROLE)),
    Row("notice_open", "POST", let_in(*EVERY_ROLE, answer="404"), kwargs={"notice_id": 1}),
    Row("terms", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("terms_list", "GET", let_in(SYS)),
    Row("terms_list", "POST", let_in(SYS)),
]

MATRIX = [
    *CATALOGUE,
    *OWNERSHIP,
    *EXCHANGE,
    *SITE,
    *ORGANISATIONS,
    *PARTNERS,
    *USERS,
    *INVITATIONS,
    *LETTERS,
    *ACCOUNTS,
    *CHROME,
]
