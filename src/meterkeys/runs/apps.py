from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "meterkeys.runs"
    label = "runs"
