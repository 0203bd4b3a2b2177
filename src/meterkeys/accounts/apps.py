from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "meterkeys.accounts"
    label = "accounts"

    def ready(self) -> None:
        from meterkeys.accounts import receivers  # noqa: F401, PLC0415 — models are only there now
