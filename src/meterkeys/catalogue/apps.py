from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "meterkeys.catalogue"
    label = "catalogue"

    def ready(self) -> None:

        from meterkeys.catalogue.bulk import register_actions  # noqa: PLC0415
        from meterkeys.catalogue.captures.working import register_captures  # noqa: PLC0415
        from meterkeys.catalogue.running_work import RUNNING_WORK  # noqa: PLC0415
        from meterkeys.catalogue.saved_views import SAVED_VIEWS  # noqa: PLC0415
        from meterkeys.organisations.belongings import register  # noqa: PLC0415

        register_actions()
        register_captures()
        register(RUNNING_WORK)
        register(SAVED_VIEWS)
