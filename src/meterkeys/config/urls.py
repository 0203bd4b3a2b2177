"""Every address of the site."""

from django.urls import include, path

from meterkeys.web import health

urlpatterns = [
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("", include("meterkeys.accounts.urls")),
    path("", include("meterkeys.catalogue.urls")),
    path("", include("meterkeys.ownership.urls")),
    path("", include("meterkeys.exchange.urls")),
    path("", include("meterkeys.organisations.urls")),
    path("", include("meterkeys.web.urls")),
]
