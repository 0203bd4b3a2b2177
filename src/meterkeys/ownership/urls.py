"""Addresses of batch references, ownership requests and offers."""

from django.urls import path

from meterkeys.ownership.views import (
    batch_changes,
    batches,
    claims,
    delivery_notes,
    requests,
    take,
    transfers,
)

urlpatterns = [
    path("batches/", batches.list_batch_references, name="batch_list"),
    path("batches/facets/<str:facet>/", batches.list_facet_options, name="batch_facet"),
    path("batches/new/", batches.create_batch_reference, name="batch_create"),
    path("batches/receivers/", batches.list_receiver_options, name="batch_receivers"),
    path("batches/<uuid:batch_id>/", batches.show_batch, name="batch_detail"),
    path("batches/<uuid:batch_id>/add/", batch_changes.add_products, name="batch_add"),
    path("batches/<uuid:batch_id>/claim/", claims.claim_whole_batch, name="batch_claim"),
    path("batches/<uuid:batch_id>/delivery-note/", delivery_notes.download_delivery_note, name="batch_note"),
    path("batches/<uuid:batch_id>/letter/", batch_changes.send_again, name="batch_letter"),
    path("batches/<uuid:batch_id>/recall/", batch_changes.recall_products, name="batch_recall"),
    path("batches/<uuid:batch_id>/recall/all/", batch_changes.recall_all, name="batch_recall_all"),
    path("ownership/take/", take.take_ownership, name="ownership_take"),
    path("ownership/requests/", requests.list_requests, name="ownership_request_list"),
    path("ownership/requests/<uuid:request_id>/confirm/", requests.confirm, name="ownership_request_confirm"),
    path("ownership/requests/<uuid:request_id>/decline/", requests.decline, name="ownership_request_decline"),
    path("ownership/offers/", transfers.list_offers, name="offer_list"),
    path("ownership/offers/<uuid:offer_id>/accept/", transfers.accept, name="offer_accept"),
    path("ownership/offers/<uuid:offer_id>/decline/", transfers.decline, name="offer_decline"),
    path("ownership/offers/<uuid:offer_id>/withdraw/", transfers.withdraw, name="offer_withdraw"),
    path("devices/<uuid:device_id>/offer/", transfers.offer_device, name="device_offer"),
    path("devices/<uuid:device_id>/hand-back/", transfers.hand_back, name="device_hand_back"),
]
