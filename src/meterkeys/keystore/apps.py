from django.apps import AppConfig


class KeystoreConfig(AppConfig):
    name = "meterkeys.keystore"
    label = "keystore"
