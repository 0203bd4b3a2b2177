from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "meterkeys.core"
    label = "core"
