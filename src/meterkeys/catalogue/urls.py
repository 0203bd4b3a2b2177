"""Addresses of the catalogue."""

from django.urls import path

from meterkeys.catalogue import views
from meterkeys.catalogue.bulk import views as selection_views
from meterkeys.catalogue.device_list import saved_view_pages
from meterkeys.catalogue.device_page import key_views
from meterkeys.catalogue.key_check import capture_views
from meterkeys.catalogue.key_check import views as check_views

urlpatterns = [
    path("check-key/", check_views.check_key, name="key_check"),
    path("check-key/captures/<uuid:run_id>/", capture_views.capture_detail, name="capture_detail"),
    path(
        "check-key/captures/<uuid:run_id>/download/", capture_views.download_capture, name="capture_download"
    ),
    path("devices/", views.list_devices, name="device_list"),
    path("devices/count/", views.count_devices, name="device_count"),
    path("devices/facets/<str:facet>/", views.list_facet_options, name="device_facet"),
    path("devices/export/", views.download_list, name="device_export"),
    path("devices/views/", saved_view_pages.list_saved_views, name="saved_view_list"),
    path("devices/views/new/", saved_view_pages.create_saved_view, name="saved_view_create"),
    path("devices/views/<uuid:view_id>/", saved_view_pages.edit_saved_view, name="saved_view_edit"),
    path(
        "devices/views/<uuid:view_id>/delete/", saved_view_pages.delete_saved_view, name="saved_view_delete"
    ),
    path("devices/keys/download/", key_views.download_keys, name="keys_download"),
    path("devices/selection/", selection_views.choose, name="device_selection"),
    path("devices/selection/start/", selection_views.start, name="device_selection_start"),
    path("devices/<uuid:device_id>/", views.show_device, name="device_detail"),
    path("devices/<uuid:device_id>/claim/", views.claim, name="device_claim"),
    path("devices/<uuid:device_id>/labels/remove/", views.take_label_off, name="device_label_remove"),
    path("devices/<uuid:device_id>/keys/download/", key_views.download_key, name="key_download"),
    path("devices/<uuid:device_id>/keys/<uuid:key_id>/show/", key_views.show_key, name="key_show"),
]
