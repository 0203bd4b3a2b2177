from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "meterkeys.web"
    label = "web"
