"""The access matrix: who gets what answer at which address. It is written by hand, from the rules, not from the code.

One row per address and method. `cells` says for each role what it is answered: one answer where the address names no
object; five where it does, for an object of the own organisation, of a child, of the parent, of a partner and of a
stranger. `ok` is the page, or a redirect after the work was done. A role that is not named is answered 403.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    Row("device_facet", "GET", let_in(*SEES_DEVICES), kwargs={"facet": "label"}),
    Row("device_detail", "GET", let_in(*SEES_DEVICES, answer=OWN), of="device"),
    Row("device_claim", "POST", let_in(ADM, USR, INS, answer=OWN), of="delivered device"),
    Row("keys_download", "POST", let_in(ADM, USR, ISS)),
    Row("key_download", "POST", let_in(*READS_KEYS, answer=OWN), of="device"),
    Row("key_show", "POST", let_in(*READS_KEYS, answer=OWN), of="key"),
]

OWNERSHIP = [
    Row("batch_list", "GET", let_in(*SEES_BATCHES)),
    Row("batch_facet", "GET", let_in(*SEES_BATCHES), kwargs={"facet": "label"}),
    Row("batch_detail", "GET", let_in(*SEES_BATCHES, answer=OWN), of="batch"),
    Row("batch_create", "GET", let_in(ISS, BCR)),
    Row("batch_create", "POST", let_in(ISS, BCR)),
    Row("batch_receivers", "GET", let_in(ISS, BCR)),
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
    # Only a demonstration shows its letters.
    Row("demo_letters", "GET", let_in(*EVERY_ROLE, answer="404"), anonymous="404"),
    Row("health_live", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
    Row("health_ready", "GET", let_in(*EVERY_ROLE), anonymous="ok"),
]

MATRIX = [*CATALOGUE, *OWNERSHIP, *EXCHANGE, *SITE]
