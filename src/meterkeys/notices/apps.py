from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "meterkeys.notices"
    label = "notices"
