"""The texts of letters that organisations write: copied from the system's, changed, tried out and put to use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.audit.events import Event
from meterkeys.audit.services import record
from meterkeys.core.errors import DomainError
from meterkeys.mail.choice import ChosenSender, choose_sender
from meterkeys.mail.kinds import KINDS, LetterKind, find_kind
from meterkeys.mail.models import LetterSender, LetterTemplate
from meterkeys.mail.render import RenderedLetter, flatten_words, render_letter
from meterkeys.mail.services import count_tests, queue_test_letter
from meterkeys.mail.texts import LANGUAGES, LetterText, clean_lines, parse_text, read_source
from meterkeys.organisations.access import Access
from meterkeys.organisations.letters import list_sender_chain
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Permission

MANAGE = Permission.MAIL_MANAGE
NAME_LENGTH = 100
FOOTER_LENGTH = 1000
FOOTER_LINES = 12
TESTS_AN_HOUR = 5


@dataclass(frozen=True, slots=True)
class Draft:
    """What can be edited of a template."""

    name: str
    kind: str
    language: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class ShownTemplate:
    """A template of the list: an organisation's, or the system's, which has no row and cannot be changed.

    `is_active` says of the system's that the organisation uses it, for want of an own one. `owner` names the
    organisation if it is not the current one.
    """

    key: str
    name: str | Promise
    kind: LetterKind
    language: str
    is_active: bool
    depth: int = 0
    row: LetterTemplate | None = None
    owner: str = ""

    @property
    def is_system(self) -> bool:
        return self.row is None

    @property
    def subject(self) -> str:
        return self.row.subject if self.row else read_source(self.kind.name, self.language).subject

    @property
    def body(self) -> str:
        return self.row.body if self.row else read_source(self.kind.name, self.language).body

    @property
    def draft(self) -> Draft:
        return Draft(str(self.name), self.kind.name, self.language, self.subject, self.body)


def list_templates(access: Access) -> list[ShownTemplate]:
    """Return the templates that the actor may see: the system's, and under each its copies."""
    rows = list(LetterTemplate.objects.of(access.reach(MANAGE)).order_by("id"))
    names = _find_names({row.organisation_id for row in rows} - {access.organisation_id})
    replaced = _find_replaced(access)
    return [
        shown
        for kind in KINDS.values()
        for language in LANGUAGES
        for shown in (
            _show_system(kind, language, is_active=(kind.name, language) not in replaced),
            *_show_copies([row for row in rows if (row.kind, row.language) == (kind.name, language)], names),
        )
    ]


def _find_names(organisation_ids: set[UUID]) -> dict[UUID, str]:
    return dict(Organisation.objects.filter(pk__in=organisation_ids).values_list("pk", "name"))


def _find_replaced(access: Access) -> set[tuple[str, str]]:
    """Return the kinds and languages for which the current organisation or a parent has an active template."""
    chain = list_sender_chain(_load_organisation(access.organisation_id))
    active = LetterTemplate.objects.of(chain).filter(is_active=True)
    return set(active.values_list("kind", "language"))


def _show_system(kind: LetterKind, language: str, *, is_active: bool) -> ShownTemplate:
    return ShownTemplate(f"{kind.name}-{language}", kind.title, kind, language, is_active)


def _show_copies(
    rows: Sequence[LetterTemplate], names: Mapping[UUID, str], original: UUID | None = None, depth: int = 1
) -> Iterator[ShownTemplate]:
    """Return the copies of a template, each followed by its own; one whose original is elsewhere stands first."""
    known = {row.pk for row in rows}
    for row in rows:
        if (row.original_id if row.original_id in known else None) == original:
            yield _show_row(row, depth, names.get(row.organisation_id, ""))
            yield from _show_copies(rows, names, row.pk, depth + 1)


def _show_row(row: LetterTemplate, depth: int = 1, owner: str = "") -> ShownTemplate:
    return ShownTemplate(
        str(row.pk), row.name, find_kind(row.kind), row.language, row.is_active, depth, row, owner
    )


def find_template(access: Access, key: str) -> ShownTemplate:
    """Return the template of that key; ObjectDoesNotExist if there is none that the actor may see."""
    access.require(MANAGE)
    kind, _dash, language = key.partition("-")
    if kind in KINDS and language in LANGUAGES:
        is_active = (kind, language) not in _find_replaced(access)
        return _show_system(KINDS[kind], language, is_active=is_active)
    return _show_row(LetterTemplate.objects.of(access.reach(MANAGE)).get(pk=_read_id(key)))


def _read_id(key: str) -> UUID:
    try:
        return UUID(key)
    except ValueError as error:
        raise ObjectDoesNotExist(key) from error


@transaction.atomic
def create_copy(access: Access, original: ShownTemplate) -> LetterTemplate:
    """Copy a template; the copy is inactive and belongs to the same organisation, the system's to the current one."""
    row = original.row
    owner_id = row.organisation_id if row else access.organisation_id
    access.require(MANAGE, owner_id)
    copy = LetterTemplate(
        organisation_id=owner_id,
        original=row,
        name=(gettext("COPY OF %(name)s") % {"name": original.name})[:NAME_LENGTH],
        kind=original.kind.name,
        language=original.language,
        subject=original.subject,
        body=original.body,
    )
    copy.save(force_insert=True)
    _record(Event.LETTER_TEMPLATE_CREATED, access, copy)
    return copy


@transaction.atomic
def edit_template(access: Access, template_id: UUID, draft: Draft) -> LetterTemplate:
    """Change a template; DomainError names the field that does not fit its kind, or says that it is in use."""
    check_draft(draft)
    row = _lock(access, template_id)
    if row.is_active and (row.kind, row.language) != (draft.kind, draft.language):
        raise DomainError(
            "active", _("Deactivate the template before you change its type or language."), field="kind"
        )
    row.name = flatten_words(draft.name)
    row.kind, row.language = draft.kind, draft.language
    row.subject, row.body = draft.subject.strip(), clean_lines(draft.body)
    row.save()
    _record(Event.LETTER_TEMPLATE_CHANGED, access, row)
    return row


def check_draft(draft: Draft) -> LetterText:
    """Return the text of the draft, parsed; DomainError if a kind or language is unknown or the text does not fit."""
    if draft.kind not in KINDS or draft.language not in LANGUAGES:
        raise DomainError("unknown_kind", _("Choose a type and a language from the lists."), field="kind")
    return parse_text(KINDS[draft.kind], draft.subject, draft.body)


@transaction.atomic
def activate_template(access: Access, template_id: UUID) -> LetterTemplate:
    """Put a template to use; the one that was active before for the same letters becomes inactive."""
    row = _lock(access, template_id)
    rivals = LetterTemplate.objects.of([row.organisation_id]).filter(kind=row.kind, language=row.language)
    list(rivals.select_for_update().order_by("pk"))
    check_draft(_show_row(row).draft)
    rivals.exclude(pk=row.pk).update(is_active=False)
    rivals.filter(pk=row.pk).update(is_active=True)
    _record(Event.LETTER_TEMPLATE_ACTIVATED, access, row)
    return row


@transaction.atomic
def deactivate_template(access: Access, template_id: UUID) -> LetterTemplate:
    """Take a template out of use; a parent's or the system's is used again."""
    row = _lock(access, template_id)
    row.is_active = False
    row.save(update_fields=["is_active", "changed_at"])
    _record(Event.LETTER_TEMPLATE_DEACTIVATED, access, row)
    return row


@transaction.atomic
def delete_template(access: Access, template_id: UUID) -> str:
    """Delete a template and return its name."""
    row = _lock(access, template_id)
    _record(Event.LETTER_TEMPLATE_DELETED, access, row)
    row.delete()
    return row.name


def _lock(access: Access, template_id: UUID) -> LetterTemplate:
    rows = LetterTemplate.objects.of(access.reach(MANAGE))
    return rows.select_for_update().get(pk=template_id)


def _record(event: Event, access: Access, row: LetterTemplate) -> None:
    data: dict[str, object] = {
        "kind": row.kind,
        "language": row.language,
        "organisation": str(row.organisation_id),
    }
    record(event, access, subject=row.name, data=data)


def find_sender(access: Access) -> LetterSender:
    """Return how the current organisation signs its letters; an empty one that is not saved if it never said."""
    access.require(MANAGE)
    organisation_id = access.organisation_id
    found = LetterSender.objects.of([organisation_id]).first()
    return found or LetterSender(organisation_id=organisation_id)


@transaction.atomic
def change_sender(access: Access, *, name: str, footer: str) -> None:
    """Change the name and the footer under which the current organisation writes."""
    sender = find_sender(access)
    lines = [flatten_words(line) for line in footer.strip().splitlines()]
    if len(footer) > FOOTER_LENGTH or len(lines) > FOOTER_LINES:
        raise DomainError(
            "footer_length",
            _("A footer has at most %(lines)d lines and %(characters)d characters.")
            % {"lines": FOOTER_LINES, "characters": FOOTER_LENGTH},
            field="footer",
        )
    sender.name, sender.footer = flatten_words(name)[:NAME_LENGTH], "\n".join(lines)
    sender.save()
    record(Event.LETTER_SENDER_CHANGED, access, subject=sender.name or access.organisation_name)


def preview(
    access: Access, shown: ShownTemplate, draft: Draft | None = None, *, shows_subject: bool = False
) -> RenderedLetter:
    """Write the letter with the sample values of its kind, as the template or an edited draft of it says."""
    draft = draft or shown.draft
    text = check_draft(draft)
    return render_letter(
        draft.kind,
        draft.language,
        KINDS[draft.kind].samples,
        text=text,
        sender=_choose_sender(access, shown).signature,
        shows_subject=shows_subject,
    )


def _choose_sender(access: Access, shown: ShownTemplate) -> ChosenSender:
    owner = _load_organisation(shown.row.organisation_id if shown.row else access.organisation_id)
    return choose_sender(list_sender_chain(owner), owner.name)


def _load_organisation(organisation_id: UUID) -> Organisation:
    return Organisation.objects.get(pk=organisation_id)


@transaction.atomic
def send_test_letter(access: Access, user: User, shown: ShownTemplate, address: str) -> None:
    """Send the preview to the user's own verified address, or a few times an hour to another.

    DomainError if that number is reached: nobody should be able to flood strangers in the name of this site.
    """
    # Two tests at once would both find the same number; the second waits here.
    list(User.objects.select_for_update().filter(pk=user.pk))
    verified = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    own = {one.lower(): one for one in verified}
    address = own.get(address.lower(), address)
    hour_ago = timezone.now() - timedelta(hours=1)
    if address not in own.values() and count_tests(str(user.pk), hour_ago, own.values()) >= TESTS_AN_HOUR:
        raise DomainError(
            "too_many_tests",
            _("You have sent %(limit)d test letters to others within an hour. Send one to yourself, or wait.")
            % {"limit": TESTS_AN_HOUR},
            field="address",
        )
    queue_test_letter(
        shown.kind.name,
        preview(access, shown),
        to=address,
        sender=_choose_sender(access, shown),
        organisation_id=access.organisation_id,
        tested_by=str(user.pk),
    )
    record(Event.TEST_LETTER_SENT, access, subject=str(shown.name), data={"to": address})
