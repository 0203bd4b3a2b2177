from django.urls import URLPattern, path

from meterkeys.organisations.views import invitations, registration

urlpatterns: list[URLPattern] = [
    path("admin/invitations/", invitations.list_all, name="invitation_list"),
    path("admin/invitations/facets/<str:facet>/", invitations.list_facet_options, name="invitation_facet"),
    path("admin/invitations/new/", invitations.create, name="invitation_create"),
    path("admin/invitations/document/", invitations.document, name="invitation_document"),
    path("admin/invitations/document/file/", invitations.document_file, name="invitation_document_file"),
    path(
        "admin/invitations/document/withdraw/",
        invitations.document_withdraw,
        name="invitation_document_withdraw",
    ),
    path("admin/invitations/<uuid:invitation_id>/", invitations.show, name="invitation_detail"),
    path("admin/invitations/<uuid:invitation_id>/edit/", invitations.edit, name="invitation_edit"),
    path("admin/invitations/<uuid:invitation_id>/preview/", invitations.preview, name="invitation_preview"),
    path("admin/invitations/<uuid:invitation_id>/send/", invitations.send, name="invitation_send"),
    path("admin/invitations/<uuid:invitation_id>/link/", invitations.link, name="invitation_link"),
    path("admin/invitations/<uuid:invitation_id>/revoke/", invitations.revoke, name="invitation_revoke"),
    path("invitation/", registration.registration, name="registration"),
    path("invitation/done/", registration.done, name="registration_done"),
    path("invitation/<str:token>/", registration.open_invitation, name="invitation_open"),
]
