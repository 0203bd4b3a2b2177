from django.apps import AppConfig


class OwnershipConfig(AppConfig):
    name = "meterkeys.ownership"
    label = "ownership"
