from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "meterkeys.mail"
    label = "mail"
