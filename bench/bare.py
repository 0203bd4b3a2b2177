"""What a page of the device list is compared with: a view of plain Django that shows the same rows.

It has the site's middleware, session, user and base template, and reads the same rows by the same key. It has no
filters, no total, no selection, no menus of rows and no rights.
"""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from meterkeys.config.urls import urlpatterns as site
from meterkeys.devices.models import Device, DeviceLabel

ROWS = 50
TEMPLATE = """{% extends "base.html" %}
{% block title %}Products{% endblock %}
{% block content %}
  <h1>Products</h1>
  <table class="table list-table">
    <thead><tr>
      <th scope="col">Serial number</th><th scope="col">Product type</th><th scope="col">Claim status</th>
      <th scope="col">Labels</th><th scope="col">Batch reference</th>
    </tr></thead>
    <tbody>{% for device in devices %}<tr>
      <th scope="row"><a href="{% url 'device_detail' device.pk %}">{{ device.serial_number }}</a></th>
      <td>{{ device.product_type.name }}</td>
      <td>{{ device.get_state_display }}</td>
      <td>{% for label in device.labels %}<span>{{ label }}</span>{% endfor %}</td>
      <td>{{ device.batch.reference }}</td>
    </tr>{% endfor %}</tbody>
  </table>
{% endblock %}
"""


@login_required
def list_bare(request: HttpRequest) -> HttpResponse:
    owned = Device.unscoped.filter(owner=request.access.organisation_id)  # type: ignore[attr-defined]
    devices = list(owned.select_related("product_type", "batch").order_by("-pk")[:ROWS])
    attached = DeviceLabel.unscoped.filter(device__in=devices).values_list("device_id", "label__text")
    labels: dict[object, list[str]] = {}
    for device_id, text in attached:
        labels.setdefault(device_id, []).append(text)
    for device in devices:
        device.labels = labels.get(device.pk, [])  # type: ignore[attr-defined]
    return HttpResponse(PAGE.render({"devices": devices}, request))


PAGE = engines["django"].from_string(TEMPLATE)
urlpatterns = [path("bare/", list_bare), *site]
