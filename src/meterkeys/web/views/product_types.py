"""The product types that an organisation may use in its files."""

from django.contrib import messages
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from meterkeys.core.errors import DomainError
from meterkeys.devices.services import add_product_type, list_product_types
from meterkeys.organisations.permissions import Permission
from meterkeys.organisations.requests import MemberRequest, member_required
from meterkeys.web.forms import ProductTypeForm


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.DEVICE_IMPORT)
def product_type_list(request: MemberRequest) -> HttpResponse:
    form = ProductTypeForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _add(request, form):
        return redirect("product_type_list")
    known = list_product_types(request.access.organisation_id)
    context = {"form": form, "product_types": known.order_by(Lower("name"))}
    return render(request, "web/product_type_list.html", context)


def _add(request: MemberRequest, form: ProductTypeForm) -> bool:
    try:
        product_type = add_product_type(request.access, form.cleaned_data["name"])
    except DomainError as error:
        form.add_error(error.field, str(error))
        return False
    messages.success(request, _("The product type %(name)s is added.") % {"name": product_type.name})
    return True
