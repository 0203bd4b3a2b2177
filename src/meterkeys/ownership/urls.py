"""Addresses of batch references and ownership requests."""

from django.urls import path

from meterkeys.ownership import views

urlpatterns = [
    path("batches/", views.list_batch_references, name="batch_list"),
    path("batches/facets/<str:facet>/", views.list_facet_options, name="batch_facet"),
    path("batches/new/", views.create_batch_reference, name="batch_create"),
    path("batches/receivers/", views.list_receiver_options, name="batch_receivers"),
    path("batches/<uuid:batch_id>/", views.show_batch, name="batch_detail"),
    path("ownership/requests/", views.list_requests, name="ownership_request_list"),
    path("ownership/requests/<uuid:request_id>/confirm/", views.confirm, name="ownership_request_confirm"),
    path("ownership/requests/<uuid:request_id>/decline/", views.decline, name="ownership_request_decline"),
]
