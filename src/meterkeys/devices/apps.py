from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from meterkeys.devices.product_types import ensure_product_types
from meterkeys.devices.serial_parts import ensure_serial_parts
from meterkeys.devices.statistics import ensure_statistics
from meterkeys.organisations.holders import register_holder, register_leftovers


class DevicesConfig(AppConfig):
    name = "meterkeys.devices"
    label = "devices"

    def ready(self) -> None:
        for ensure in (ensure_product_types, ensure_serial_parts, ensure_statistics):
            post_migrate.connect(ensure, sender=self)
        # Models are only there now.
        from meterkeys.devices import holdings  # noqa: PLC0415

        register_holder(_("Products owned"), holdings.count_owned)
        register_holder(_("Products issued that others own"), holdings.count_issued)
        register_holder(_("Batch references"), holdings.count_batches)
        register_leftovers(holdings.delete_leftovers)
