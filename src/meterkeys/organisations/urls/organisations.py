"""Addresses of organisations and of the table of roles."""

from django.urls import path

from meterkeys.organisations.views import moves, organisations, roles

urlpatterns = [
    path("admin/organisation/", organisations.show_own, name="organisation_own"),
    path("admin/organisations/", organisations.list_all, name="organisation_list"),
    path(
        "admin/organisations/facets/<str:facet>/",
        organisations.list_facet_options,
        name="organisation_facet",
    ),
    path("admin/organisations/new/", organisations.create, name="organisation_create"),
    path("admin/organisations/<uuid:organisation_id>/", organisations.show, name="organisation_detail"),
    path(
        "admin/organisations/<uuid:organisation_id>/delete/", organisations.delete, name="organisation_delete"
    ),
    path(
        "admin/organisations/<uuid:organisation_id>/grants/", organisations.grant, name="organisation_grants"
    ),
    path("admin/organisations/<uuid:organisation_id>/move/", moves.ask, name="organisation_move"),
    path(
        "admin/organisations/<uuid:organisation_id>/move/accept/",
        moves.accept,
        name="organisation_move_accept",
    ),
    path(
        "admin/organisations/<uuid:organisation_id>/move/decline/",
        moves.decline,
        name="organisation_move_decline",
    ),
    path(
        "admin/organisations/<uuid:organisation_id>/move/withdraw/",
        moves.withdraw,
        name="organisation_move_withdraw",
    ),
    path("admin/roles/", roles.list_roles, name="role_list"),
]
