from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "meterkeys.catalogue"
    label = "catalogue"
