from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "meterkeys.exchange"
    label = "exchange"
