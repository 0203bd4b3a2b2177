from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "meterkeys.accounts"
    label = "accounts"
