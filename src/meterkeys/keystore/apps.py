from django.apps import AppConfig

from meterkeys.organisations.holders import register_leftovers


class KeystoreConfig(AppConfig):
    name = "meterkeys.keystore"
    label = "keystore"

    def ready(self) -> None:
        # Models are only there now.
        from meterkeys.keystore.keyring import delete_organisation_keys  # noqa: PLC0415

        register_leftovers(delete_organisation_keys)
