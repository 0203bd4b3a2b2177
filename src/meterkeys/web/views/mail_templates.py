"""Letter templates: the list, one with its preview, and what can be done with it."""

from collections.abc import Callable
from uuid import UUID

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from meterkeys.core.errors import DomainError
from meterkeys.core.pages import render_list
from meterkeys.mail.models import LetterTemplate
from meterkeys.mail.render import write_value
from meterkeys.organisations.access import Access
from meterkeys.organisations.letter_templates import (
    ShownTemplate,
    activate_template,
    change_sender,
    create_copy,
    deactivate_template,
    delete_template,
    edit_template,
    find_sender,
    find_template,
    list_templates,
    preview,
    send_test_letter,
)
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.web.forms_mail import (
    SenderForm,
    TemplateFilterForm,
    TemplateForm,
    TestLetterForm,
    name_language,
)
from meterkeys.web.letter_pages import answer_letter

writers_only = member_required(Permission.MAIL_MANAGE)
frames_letters = csp_update({"frame-src": [SELF]})


@require_safe
@writers_only
def mail_template_list(request: MemberRequest) -> HttpResponse:
    """The list as filtered; htmx gets the inside of `#list`."""
    form = TemplateFilterForm(request.GET)
    context = {"form": form, "templates": form.filter(list_templates(request.access))}
    return render_list(request, "web/mail_template_list.html", "web/_mail_template_table.html", context)


@frames_letters
@require_safe
@writers_only
def mail_template_detail(request: MemberRequest, key: str) -> HttpResponse:
    form = TestLetterForm(initial={"address": request.user.email})
    return _render_detail(request, _find(request.access, key), form)


def _render_detail(request: MemberRequest, shown: ShownTemplate, form: TestLetterForm) -> HttpResponse:
    context = {"shown": shown, "language": name_language(shown.language), "form": form}
    return render(request, "web/mail_template_detail.html", context)


def _find(access: Access, key: str) -> ShownTemplate:
    try:
        return find_template(access, key)
    except ObjectDoesNotExist as error:
        raise Http404(key) from error


@require_http_methods(["GET", "HEAD", "POST"])
@writers_only
def mail_template_preview(request: MemberRequest, key: str) -> HttpResponse:
    """The letter with sample values, as saved; to a POST, as the form of the editor has it."""
    shown = _find(request.access, key)
    form = TemplateForm(request.POST if request.method == "POST" else vars_of(shown))
    if form.is_valid():
        return answer_letter(preview(request.access, shown, form.draft, shows_subject=True).html)
    errors = render(request, "web/mail_template_preview_errors.html", {"form": form})
    return answer_letter(errors.content.decode())


@require_POST
@writers_only
def mail_template_create_copy(request: MemberRequest, key: str) -> HttpResponse:
    copy = create_copy(request.access, _find(request.access, key))
    messages.success(
        request, _("“%(name)s” is created. It is inactive: edit it first.") % {"name": copy.name}
    )
    return redirect("mail_template_edit", copy.pk)


@frames_letters
@require_http_methods(["GET", "HEAD", "POST"])
@writers_only
def mail_template_edit(request: MemberRequest, template_id: UUID) -> HttpResponse:
    shown = _find(request.access, str(template_id))
    form = TemplateForm(request.POST if request.method == "POST" else None, initial=vars_of(shown))
    if form.is_valid() and _save(request, template_id, form):
        return redirect("mail_template_detail", template_id)
    context = {"shown": shown, "form": form, "samples": list_samples(shown)}
    return render(request, "web/mail_template_edit.html", context)


def vars_of(shown: ShownTemplate) -> dict[str, str]:
    """Return what the form of the editor starts with."""
    draft = shown.draft
    return {name: getattr(draft, name) for name in TemplateForm.base_fields}


def list_samples(shown: ShownTemplate) -> list[tuple[str, str]]:
    """Return each placeholder as it is written, with its sample value as the letter has it."""
    with translation.override(shown.language):
        return [(f"{{{{ {name} }}}}", write_value(value)) for name, value in shown.kind.samples.items()]


def _save(request: MemberRequest, template_id: UUID, form: TemplateForm) -> bool:
    try:
        row = edit_template(request.access, template_id, form.draft)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    except ObjectDoesNotExist as error:
        raise Http404(template_id) from error
    messages.success(request, _("“%(name)s” is saved.") % {"name": row.name})
    return True


@require_POST
@writers_only
def mail_template_activate(request: MemberRequest, template_id: UUID) -> HttpResponse:
    return _change(
        request, template_id, activate_template, _("“%(name)s” is active: these letters use it now.")
    )


@require_POST
@writers_only
def mail_template_deactivate(request: MemberRequest, template_id: UUID) -> HttpResponse:
    return _change(
        request,
        template_id,
        deactivate_template,
        _("“%(name)s” is inactive: these letters use the template of before."),
    )


def _change(
    request: MemberRequest,
    template_id: UUID,
    change: Callable[[Access, UUID], LetterTemplate],
    message: str,
) -> HttpResponse:
    try:
        row = change(request.access, template_id)
    except ObjectDoesNotExist as error:
        raise Http404(template_id) from error
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, message % {"name": row.name})
    return redirect("mail_template_detail", template_id)


@require_POST
@writers_only
def mail_template_delete(request: MemberRequest, template_id: UUID) -> HttpResponse:
    try:
        name = delete_template(request.access, template_id)
    except ObjectDoesNotExist as error:
        raise Http404(template_id) from error
    messages.success(request, _("“%(name)s” is deleted.") % {"name": name})
    return redirect("mail_template_list")


@frames_letters
@require_POST
@writers_only
def mail_template_test(request: MemberRequest, key: str) -> HttpResponse:
    shown = _find(request.access, key)
    form = TestLetterForm(request.POST)
    if form.is_valid() and _send_test(request, shown, form):
        return redirect("mail_template_detail", key)
    return _render_detail(request, shown, form)


def _send_test(request: MemberRequest, shown: ShownTemplate, form: TestLetterForm) -> bool:
    address = form.cleaned_data["address"]
    try:
        send_test_letter(request.access, request.user, shown, address)
    except DomainError as error:
        form.add_error("address", str(error))
        return False
    messages.success(request, _("A test letter to %(address)s is on its way.") % {"address": address})
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@writers_only
def mail_sender_edit(request: MemberRequest) -> HttpResponse:
    """The name and the footer of the letters of the current organisation."""
    sender = find_sender(request.access)
    initial = {"name": sender.name, "footer": sender.footer}
    form = SenderForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid() and _save_sender(request, form):
        return redirect("mail_template_list")
    return render(request, "web/mail_sender_edit.html", {"form": form})


def _save_sender(request: MemberRequest, form: SenderForm) -> bool:
    try:
        change_sender(request.access, **form.cleaned_data)
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    messages.success(request, _("The sender of the letters is saved."))
    return True
