from django.apps import AppConfig
from django.db.models.signals import post_migrate

from meterkeys.devices.product_types import ensure_product_types


class DevicesConfig(AppConfig):
    name = "meterkeys.devices"
    label = "devices"

    def ready(self) -> None:
        post_migrate.connect(ensure_product_types, sender=self)
