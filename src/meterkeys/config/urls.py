"""Every address of the site."""

from allauth.account import views as account
from django.urls import include, path, re_path

from meterkeys.web import health

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", account.signup, name="account_signup"),
    path("password/change/", account.password_change, name="account_change_password"),
    re_path(
        r"^password/set/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/set/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("", include("meterkeys.catalogue.urls")),
    path("", include("meterkeys.ownership.urls")),
    path("", include("meterkeys.exchange.urls")),
    path("", include("meterkeys.organisations.urls")),
    path("", include("meterkeys.web.urls")),
]
