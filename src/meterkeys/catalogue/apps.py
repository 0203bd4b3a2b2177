from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "meterkeys.catalogue"
    label = "catalogue"

    def ready(self) -> None:
        from meterkeys.catalogue.bulk import register_actions  # noqa: PLC0415 — models are there only now

        register_actions()
