from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "meterkeys.catalogue"
    label = "catalogue"

    def ready(self) -> None:

        from meterkeys.catalogue.bulk.actions import register_actions  # noqa: PLC0415
        from meterkeys.catalogue.bulk.running_work import RUNNING_WORK  # noqa: PLC0415
        from meterkeys.catalogue.device_list.saved_views import SAVED_VIEWS  # noqa: PLC0415
        from meterkeys.catalogue.key_check.captures.working import register_captures  # noqa: PLC0415
        from meterkeys.organisations.belongings import register  # noqa: PLC0415

        register_actions()
        register_captures()
        register(RUNNING_WORK)
        register(SAVED_VIEWS)
