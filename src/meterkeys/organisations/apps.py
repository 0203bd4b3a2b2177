from django.apps import AppConfig


class OrganisationsConfig(AppConfig):
    name = "meterkeys.organisations"
    label = "organisations"
