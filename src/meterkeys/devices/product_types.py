"""The product types that every installation knows from its first day."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS

INITIAL_NAMES = (
    "TOPAS SONIC",
    "RUBIN SONIC",
    "aquastream LoRa",
    "aquaradio MultiCom",
    "AMTRON SONIC D",
    "CALEC ST III LoRa",
    "aquastream Radio L8 (AQS-L8)",
    "TOPAS Lora W8",
    "Module LoRa CalecST III",
    "CalecST III WM-Bus",
    "Aquastream WM-Bus",
    "TOPAS Mbus",
)


def ensure_product_types(
    sender: AppConfig | None = None,  # noqa: ARG001 — sent with the signal
    using: str = DEFAULT_DB_ALIAS,
    apps: Apps = installed_apps,
    **_signal: Any,
) -> None:
    """Add those of the initial types that are missing, under whatever case; called after each migration.

    A database that was emptied and migrated again has them too, which a data migration would not give.
    """
    try:
        model = apps.get_model("devices", "ProductType")
    except LookupError:
        return
    # The constraint on the names, which takes upper and lower case as alike, keeps out what is there.
    model.objects.using(using).bulk_create(
        [model(name=name) for name in INITIAL_NAMES], ignore_conflicts=True
    )
