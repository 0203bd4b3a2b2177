"""Addresses of partners; a partner is named by the id of its organisation."""

from django.urls import path

from meterkeys.organisations.views import partners

urlpatterns = [
    path("admin/partners/", partners.list_all, name="partner_list"),
    path("admin/partners/new/", partners.create, name="partner_create"),
    path("admin/partners/<uuid:organisation_id>/", partners.edit, name="partner_edit"),
    path("admin/partners/<uuid:organisation_id>/end/", partners.end, name="partner_end"),
]
