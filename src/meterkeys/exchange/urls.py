from django.urls import path

from meterkeys.exchange import views

urlpatterns = [
    path("imports/", views.import_create, name="import_create"),
    path("imports/template.csv", views.import_template, name="import_template"),
]
