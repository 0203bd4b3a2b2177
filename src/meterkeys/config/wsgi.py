"""The entry point of the web server."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from meterkeys.config.proxies import ForwardingGate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meterkeys.config.settings")
application = ForwardingGate(get_wsgi_application(), settings.TRUSTED_PROXIES)
