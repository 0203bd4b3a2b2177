from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "meterkeys.audit"
    label = "audit"
