from django.apps import AppConfig


class InstallationConfig(AppConfig):
    """The assembled installation: the commands that set it up and run it."""

    name = "meterkeys.config"
    label = "installation"
